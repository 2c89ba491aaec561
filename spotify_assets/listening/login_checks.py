"""The asset check `logins_last` on `raw_plays`: says in time whose login Spotify is about to end.

A login ends six months after the consent, whatever one does. Who has to log in again by now is
`every_listener_polled`'s to say, not this check's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.questions import what_to_expect
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.lasting import Login, logins
from spotify_assets.storage.warehouse import Warehouse

STAGES = (
    ("1 day", timedelta(days=1), dg.AssetCheckSeverity.ERROR),
    ("7 days", timedelta(days=7), dg.AssetCheckSeverity.WARN),
    ("30 days", timedelta(days=30), dg.AssetCheckSeverity.WARN),
)
"""How near an end has to be to be spoken of, the nearest first."""


@dataclass(frozen=True)
class Verdict:
    """Whether nobody's login ends soon; else the nearest stage, its severity, and a sentence that names each."""

    says: str
    stage: str | None = None
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN

    @property
    def passed(self) -> bool:
        return self.stage is None


def verdict(known: Sequence[Login], now: datetime) -> Verdict:
    """Judges the logins of those who are connected at `now` (UTC)."""
    connected = [login for login in known if login.status == "connected"]
    for stage, span, severity in STAGES:
        if any(login.ends_at - now <= span for login in connected):
            nearing = [login for login in connected if login.ends_at - now <= STAGES[-1][1]]
            ends = "; ".join(_said(login, now) for login in sorted(nearing, key=lambda login: login.ends_at))
            return Verdict(f"{_OPENING[stage]}: {ends}. Logging in again keeps everything.", stage, severity)
    if not connected:
        return Verdict("Nobody is connected.")
    first = min(connected, key=lambda login: login.ends_at)
    return Verdict(f"No login ends within 30 days; the first to end is that of {_when(first)}.")


_OPENING = {
    "1 day": "A login ends within a day or has ended, and nothing is polled after it",
    "7 days": "A login ends within 7 days",
    "30 days": "A login ends within 30 days",
}


def _when(login: Login) -> str:
    at_the_latest = " at the latest" if login.is_guess else ""
    return f"{login.user_id}, on {login.ends_at:%Y-%m-%d %H:%M} UTC{at_the_latest}"


def _said(login: Login, now: datetime) -> str:
    over = " (over)" if login.ends_at <= now else ""
    return f"{_when(login)}{over}: run `spotify-assets login {login.user_id}`"


def logins_last() -> dg.AssetChecksDefinition:
    """The check. It does not block: the plays of today are worth building whatever becomes of a login."""

    @dg.asset_check(
        asset="raw_plays",
        name="logins_last",
        description="No connected listener's login ends soon: warns 30 and 7 days before, fails on the last day.",
        metadata=what_to_expect(
            "WARN, on the last day ERROR", "`spotify-assets login` for whom the sentence names; it keeps everything"
        ),
    )
    def check(
        warehouse: dg.ResourceParam[Warehouse],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> dg.AssetCheckResult:
        with warehouse.connect() as connection:
            found = verdict(logins(connection, spotify.api_url), clock.now())
        return dg.AssetCheckResult(
            passed=found.passed,
            severity=found.severity,
            description=found.says,
            metadata={"stage": found.stage} if found.stage else {},
        )

    return check
