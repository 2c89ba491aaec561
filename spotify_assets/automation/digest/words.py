"""The message that tells a listener of a week. Writes, and does nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from spotify_assets.automation.alerts.words import Message, escaped, section
from spotify_assets.automation.digest.week import Ranked, Week

SOON = timedelta(days=30)


def digest_of(week: Week, now: datetime, *, with_titles: bool) -> Message:
    """The week in a few blocks; `now` is UTC. Without titles it says how much was heard, and not what."""
    title = f"{week.name}'s week, {_dates(week)}"
    blocks = [f":headphones: *{escaped(title)}*\n{_listened(week)}"]
    blocks += _what_was_heard(week) if with_titles else _how_much_was_new(week)
    blocks += _remarkable(week)
    blocks += _login(week, now)
    return Message(text=escaped(title), blocks=tuple(section(text) for text in blocks))


def _dates(week: Week) -> str:
    first, last = week.starts_on, week.ends_on
    from_ = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
    return f"{from_} – {last.day} {last:%B %Y}"


def _listened(week: Week) -> str:
    if not week.plays:
        return "Nothing was heard, as far as is known."
    least = "" if week.is_complete else "At least "
    days = "every day" if week.days == 7 else "on 1 day" if week.days == 1 else f"on {week.days} days"
    return f"{least}{_minutes(week.ms_listened)} with {_plays(week.plays)}, {days}{_compared(week)}."


def _compared(week: Week) -> str:
    before = week.ms_before
    if not before:
        return ""
    growth = round(100 * (week.ms_listened - before) / before)
    if not week.is_complete:
        # What is missing may be more than what it seems to be less.
        at_least = f"at least {growth} % more than the week before ({_minutes(before)})"
        return f"; {at_least}" if growth > 0 else f"; {_minutes(before)} the week before"
    how = "as much as" if growth == 0 else f"{growth} % more than" if growth > 0 else f"{-growth} % less than"
    return f"; {how} the week before ({_minutes(before)})"


def _what_was_heard(week: Week) -> Iterator[str]:
    if week.tracks:
        lines = [f"{place}. {_track(track)} · {_plays(track.plays)}" for place, track in enumerate(week.tracks, 1)]
        yield "\n".join(["*Most played*", *lines])
    if week.artists:
        yield f"*Artists* {_named(week.artists)}"
    if week.new_tracks:
        artists = f"; new artists: {_named(week.new_artists)}" if week.new_artists else ""
        yield f"*Heard for the first time* {_tracks(week.new_tracks)}{artists}"


def _how_much_was_new(week: Week) -> Iterator[str]:
    if week.new_tracks:
        yield f"*Heard for the first time* {_tracks(week.new_tracks)}"
    if week.plays:
        yield (
            "_What was heard is not told here, because several listeners share this installation; "
            "SLACK_DIGEST_CHANNELS names a channel for each._"
        )


def _remarkable(week: Week) -> Iterator[str]:
    lines = []
    if week.longest_ms and week.longest_on:
        lines.append(f"*Longest session* {_length(week.longest_ms)}, on {week.longest_on:%A}")
    if week.streak_days > 1:
        lines.append(f"*Streak* music on {week.streak_days} days in a row")
    if lines:
        yield "\n".join(lines)


def _login(week: Week, now: datetime) -> Iterator[str]:
    login = week.login
    if login is None:
        return
    command = f"run `spotify-assets login {escaped(week.user_id)}`; nothing that is stored is lost"
    if login.status == "needs_login":
        yield f":key: Spotify no longer accepts the login, so nothing new is stored: {command}."
    elif login.ends_at - now <= SOON:
        yield f":key: The login ends on {login.ends_at:%Y-%m-%d}: {command}."


def _track(track: Ranked) -> str:
    return escaped(f"{track.name} – {track.by}" if track.by else track.name)


def _named(ranked: tuple[Ranked, ...]) -> str:
    return ", ".join(f"{escaped(each.name)} ({each.plays})" for each in ranked)


def _plays(count: int) -> str:
    return "1 play" if count == 1 else f"{count:,} plays"


def _tracks(count: int) -> str:
    return "1 track" if count == 1 else f"{count:,} tracks"


def _minutes(milliseconds: int) -> str:
    minutes = round(milliseconds / 60_000)
    return "1 minute" if minutes == 1 else f"{minutes:,} minutes"


def _length(milliseconds: int) -> str:
    hours, minutes = divmod(round(milliseconds / 60_000), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
