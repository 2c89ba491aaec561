"""The asset check `listeners_are_asked_about` on `raw_plays`: whose plays Spotify has not given for too long.

It asks what is stored, so it tells when the runs that poll die, hang or never begin. Who has to log in again is
`every_listener_polled`'s to say, not this check's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.listening.turns import needs
from spotify_assets.questions import Verdict, what_to_expect
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.blocks import Block
from spotify_assets.spotify.budget import intervals
from spotify_assets.storage.warehouse import Warehouse

LONGEST = timedelta(hours=1)
"""Two ticks. Who is polled less often by plan may wait for two such waits."""
NAMED = 10


@dataclass(frozen=True)
class Wait:
    """A connected listener: when Spotify last answered a poll, or else was connected (UTC), and the planned wait."""

    user_id: str
    since: datetime
    was_answered: bool
    planned: timedelta

    @property
    def longest(self) -> timedelta:
        return max(LONGEST, 2 * self.planned)


def verdict(waits: Sequence[Wait], block: Block | None, now: datetime) -> Verdict:
    """Judges the waits of those who are connected at `now`."""
    if not waits:
        return Verdict(True, "Nobody is connected.")
    late = sorted((wait for wait in waits if now - wait.since > wait.longest), key=lambda wait: wait.since)
    if not late:
        return Verdict(True, f"Spotify was asked about {_all(len(waits))} when it should be.")
    named = "; ".join(_said(wait, now) for wait in late[:NAMED])
    more = f"; and {len(late) - NAMED} more" if len(late) > NAMED else ""
    if block:
        # The reason says until when, and what to do.
        remedy = f"Spotify has told the app to stay away until {block.until:%Y-%m-%d %H:%M} UTC. {block.reason}"
    else:
        remedy = (
            "See the latest runs of `listening` and whether Dagster's daemon runs; `spotify-assets poll` asks now. "
            "Spotify keeps a listener's last 50 plays."
        )
    return Verdict(False, f"Spotify has not been asked about {named}{more}. {remedy}")


def _said(wait: Wait, now: datetime) -> str:
    since = f"since {wait.since:%Y-%m-%d %H:%M} UTC" if wait.was_answered else "at all, though connected"
    planned = f" (planned is every {_hours(wait.planned)})" if wait.longest > LONGEST else ""
    return f"{wait.user_id} for {_hours(now - wait.since)}, {since}{planned}"


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):.1f} h"


def _all(count: int) -> str:
    return "the only listener" if count == 1 else f"all {count} listeners"


def waits_of(warehouse: Warehouse, spotify: SpotifyAccess, planned: Mapping[str, timedelta]) -> list[Wait]:
    """The waits of those with a plan. Only answers count: a poll that failed was no look."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "select user_id, coalesce(polled_at, connected_at), polled_at is not null from ops.listeners "
            "where api_url = %s and user_id = any(%s) order by user_id",
            (spotify.api_url, list(planned)),
        ).fetchall()
    return [Wait(user_id, since, was_answered, planned[user_id]) for user_id, since, was_answered in rows]


def planned_waits(warehouse: Warehouse, spotify: SpotifyAccess, now: datetime) -> dict[str, timedelta]:
    """How long each connected listener waits between two polls by plan."""
    connected = spotify.tokens.connected(spotify.api_url)
    return intervals(needs(warehouse, connected, now), spotify.governor.budget) if connected else {}


def listeners_are_asked_about() -> dg.AssetChecksDefinition:
    """The check. It calls nobody."""

    @dg.asset_check(
        asset="raw_plays",
        name="listeners_are_asked_about",
        description="Spotify gave each connected listener's plays within the hour, or within two of the waits that "
        "the budget of requests leaves that listener.",
        metadata=what_to_expect("WARN", "see the latest runs of `listening` and whether Dagster's daemon runs"),
    )
    def check(
        warehouse: dg.ResourceParam[Warehouse],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> dg.AssetCheckResult:
        now = clock.now()
        waits = waits_of(warehouse, spotify, planned_waits(warehouse, spotify, now))
        return verdict(waits, spotify.governor.standing().block, now).as_warning()

    return check
