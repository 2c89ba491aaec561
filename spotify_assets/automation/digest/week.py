"""A listener's week as the marts have it."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import psycopg

from spotify_assets.spotify.lasting import Login, logins

TOP = 5
NEW_ARTISTS = 3


@dataclass(frozen=True)
class Ranked:
    """A track or an artist with its plays in the week; `by` is a track's artist."""

    name: str
    plays: int
    by: str | None = None


@dataclass(frozen=True)
class Week:
    """One listener's week, Monday to Sunday in the listener's time zone. Times are in milliseconds."""

    name: str
    """The shown name, else the local one."""
    user_id: str
    starts_on: date
    plays: int = 0
    ms_listened: int = 0
    days: int = 0
    is_complete: bool = False
    """Whether polls and exports prove all of it; else the figures are the least that it was."""
    ms_before: int | None = None
    """The time in the week before, where all of that is known."""
    tracks: tuple[Ranked, ...] = ()
    artists: tuple[Ranked, ...] = ()
    new_tracks: int = 0
    new_artists: tuple[Ranked, ...] = ()
    """Those heard for the first time ever, most plays first."""
    longest_ms: int | None = None
    longest_on: date | None = None
    """The longest session, and the date on which it began."""
    streak_days: int = 0
    """For how many days in a row there was music on the week's last day."""
    login: Login | None = field(default=None, repr=False)

    @property
    def ends_on(self) -> date:
        return self.starts_on + timedelta(days=6)


def last_week(today: date) -> date:
    """The Monday of the week before that of a UTC day."""
    return today - timedelta(days=today.weekday() + 7)


def is_built(connection: psycopg.Connection) -> bool:
    """Whether there are marts to read."""
    row = connection.execute("select to_regclass('marts.listening_periods') is not null").fetchone()
    return bool(row and row[0])


def listeners_of(connection: psycopg.Connection, starts_on: date) -> list[str]:
    """Who listened in that week, or has to log in again, by name."""
    rows = connection.execute(
        """
        select user_id
        from marts.listening_periods
        where period_kind = 'week' and period_start = %(week)s
        union
        select user_id
        from ops.listeners
        where status = 'needs_login'
        order by 1
        """,
        {"week": starts_on},
    ).fetchall()
    return [str(user_id) for (user_id,) in rows]


def week_of(connection: psycopg.Connection, user_id: str, starts_on: date, api_url: str) -> Week:
    """The week of one listener, whose login is one for this Web API."""
    asked = {"user": user_id, "week": starts_on, "before": starts_on - timedelta(days=7), "end": starts_on + _SIX_DAYS}
    name = connection.execute("select display_name from ops.listeners where user_id = %(user)s", asked).fetchone()
    totals = connection.execute(_TOTALS, asked).fetchone()
    session = connection.execute(_LONGEST_SESSION, asked).fetchone()
    streak = connection.execute(_STREAK, asked).fetchone()
    new = connection.execute(_NEW_TRACKS, asked).fetchone()
    plays, ms_listened, days, is_complete, ms_before = totals or (0, 0, 0, False, None)
    return Week(
        name=(name and name[0]) or user_id,
        user_id=user_id,
        starts_on=starts_on,
        plays=plays,
        ms_listened=ms_listened,
        days=days,
        is_complete=is_complete,
        ms_before=ms_before,
        tracks=tuple(Ranked(*row) for row in connection.execute(_TRACKS, asked)),
        artists=tuple(Ranked(*row) for row in connection.execute(_ARTISTS, asked)),
        new_tracks=int(new[0]) if new else 0,
        new_artists=tuple(Ranked(*row) for row in connection.execute(_NEW_ARTISTS, asked)),
        longest_ms=session[0] if session else None,
        longest_on=session[1] if session else None,
        streak_days=int(streak[0]) if streak else 0,
        login=next(iter(logins(connection, api_url, user_id)), None),
    )


_SIX_DAYS = timedelta(days=6)
_TOTALS = """
    select
        periods.plays,
        periods.ms_listened,
        periods.days,
        coalesce(coverage.is_complete, false),
        case when before.is_complete then comparisons.ms_before end
    from marts.listening_periods as periods
    inner join marts.period_comparisons as comparisons using (user_id, period_kind, period_start)
    left join marts.period_coverage as coverage using (user_id, period_kind, period_start)
    left join marts.period_coverage as before
        on before.user_id = periods.user_id and before.period_kind = 'week' and before.period_start = %(before)s
    where periods.user_id = %(user)s and periods.period_kind = 'week' and periods.period_start = %(week)s
"""
_TRACKS = f"""
    select coalesce(track_name, track_key), plays, main_artist_name
    from marts.top_tracks
    where user_id = %(user)s and period_kind = 'week' and period_start = %(week)s and plays > 0
    order by rank, rank_by_time, track_key
    limit {TOP}
"""
_ARTISTS = f"""
    select artist_name, plays
    from marts.top_artists
    where user_id = %(user)s and period_kind = 'week' and period_start = %(week)s and plays > 0
    order by rank, rank_by_time, artist_key
    limit {TOP}
"""
_NEW_TRACKS = """
    select count(*)
    from marts.track_discoveries
    where user_id = %(user)s and discovered_on between %(week)s and %(end)s and plays > 0
"""
_NEW_ARTISTS = f"""
    select tops.artist_name, tops.plays
    from marts.artist_discoveries as discoveries
    inner join marts.top_artists as tops
        on tops.user_id = discoveries.user_id
        and tops.artist_key = discoveries.artist_key
        and tops.period_kind = 'week'
        and tops.period_start = %(week)s
    where
        discoveries.user_id = %(user)s
        and discoveries.discovered_on between %(week)s and %(end)s
        and tops.plays > 0
    order by tops.rank, tops.rank_by_time, tops.artist_key
    limit {NEW_ARTISTS}
"""
_LONGEST_SESSION = """
    select length_ms, local_date
    from marts.sessions
    where user_id = %(user)s and local_date between %(week)s and %(end)s
    order by length_ms desc, started_at
    limit 1
"""
_STREAK = """
    select %(end)s::date - started_on + 1
    from marts.streaks
    where user_id = %(user)s and %(end)s between started_on and ended_on
"""
