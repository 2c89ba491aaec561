"""The asset check `requests_last_the_day` on `raw_plays`: whether the budget of requests leaves room for the polls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.listening.asked_checks import planned_waits
from spotify_assets.listening.turns import needs
from spotify_assets.questions import Verdict, what_to_expect
from spotify_assets.spotify import calls
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.blocks import Block
from spotify_assets.spotify.budget import DAY, polling_window
from spotify_assets.storage.warehouse import Warehouse

KEPT_BY_SPOTIFY = 50
HOUR = timedelta(hours=1)
POLLS_AN_HOUR = 2


@dataclass(frozen=True)
class Usage:
    """What was asked and what will be. `by_purpose` counts the calls of the last 24 hours, a budget of None no limit.

    `used_in_an_hour` of them still count an hour from now. `waits` are the planned ones, `plays` those of a day.
    """

    budget: int | None
    by_purpose: Mapping[str, int]
    used_in_an_hour: int
    waits: Mapping[str, timedelta]
    plays: Mapping[str, float]
    block: Block | None = None


def verdict(usage: Usage) -> Verdict:
    """Judges whether the polls of the next hour fit, and whether they come often enough."""
    used = _used(usage)
    if usage.block:
        told = f"Spotify has told the app to stay away until {usage.block.until:%Y-%m-%d %H:%M} UTC"
        return Verdict(False, f"{told}, and every poll until then is left out. {usage.block.reason} {used}")
    if usage.budget is None:
        return Verdict(True, used)
    due = min(POLLS_AN_HOUR * len(usage.waits), polling_window(usage.budget)[1])
    room = max(0, usage.budget - usage.used_in_an_hour)
    if room < due:
        return Verdict(
            False,
            f"{used} {due} polls are due in the next hour and {room} fit: {due - room} of them are at risk. See who "
            "used the others; what `connection` used are logins and looks of `doctor`. Raise "
            "SPOTIFY_DAILY_REQUEST_BUDGET only where Spotify bears it.",
        )
    hidden = sorted(_hidden(usage))
    if hidden:
        return Verdict(
            False,
            f"{used} There are so many listeners that {', '.join(hidden)}: Spotify keeps {KEPT_BY_SPOTIFY} plays, so "
            "some may be lost until an export brings them. Raise SPOTIFY_DAILY_REQUEST_BUDGET if the app has extended "
            "quota.",
        )
    return Verdict(True, f"{used} The polls of the next hour fit ({due} are due).")


def _used(usage: Usage) -> str:
    whole = sum(usage.by_purpose.values())
    whom = ", ".join(f"{count} for {purpose}" for purpose, count in sorted(usage.by_purpose.items()))
    of_budget = f" of {usage.budget} ({whole / usage.budget:.0%})" if usage.budget else ""
    return f"{whole}{of_budget} requests were made in 24 hours{f': {whom}' if whom else ''}."


def _hidden(usage: Usage) -> Sequence[str]:
    """Whose plays between two polls would probably be more than Spotify keeps."""
    return [
        f"{user_id} is polled every {wait / HOUR:.1f} h and plays about {plays:.0f} in that time"
        for user_id, wait in usage.waits.items()
        if (plays := usage.plays[user_id] * (wait / DAY)) > KEPT_BY_SPOTIFY
    ]


def usage_now(warehouse: Warehouse, spotify: SpotifyAccess, clock: Clock) -> Usage:
    """Looks at what is stored."""
    now = clock.now()
    standing = spotify.governor.standing()
    connected = spotify.tokens.connected(spotify.api_url)
    plays = {need.user_id: need.plays_a_day for need in needs(warehouse, connected, now)} if connected else {}
    with warehouse.connect() as connection:
        later = calls.made_since(connection, spotify.api_url, now - DAY + HOUR)
    return Usage(
        standing.budget,
        standing.by_purpose,
        sum(later.values()),
        planned_waits(warehouse, spotify, now),
        plays,
        standing.block,
    )


def requests_last_the_day() -> dg.AssetChecksDefinition:
    """The check. It calls nobody."""

    @dg.asset_check(
        asset="raw_plays",
        name="requests_last_the_day",
        description="The polls of the next hour fit into the budget of requests, and come so often that Spotify's 50 "
        "plays a listener suffice.",
        metadata=what_to_expect("WARN", "see in the sentence who used the requests, or until when Spotify said no"),
    )
    def check(
        warehouse: dg.ResourceParam[Warehouse],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> dg.AssetCheckResult:
        return verdict(usage_now(warehouse, spotify, clock)).as_warning()

    return check
