"""Looks at Spotify: the app, its daily budget, and each listener's login.

Nothing here waits for the budget: where Spotify may not be called now, that is said and nobody is called.
"""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from spotify_assets.clock import clock_from
from spotify_assets.health.findings import Finding, Status
from spotify_assets.health.outside import QUICK
from spotify_assets.settings import Settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.capabilities import tier
from spotify_assets.spotify.catalogue import Catalogue
from spotify_assets.spotify.client import SpotifyClient
from spotify_assets.spotify.governor import Standing
from spotify_assets.spotify.lasting import Login, logins
from spotify_assets.spotify.oauth import SCOPES, SpotifyApp
from spotify_assets.spotify.outcomes import Blocked, SpotifyError
from spotify_assets.spotify.tokens import Listener
from spotify_assets.storage.warehouse import open_warehouse

APP, BUDGET, LISTENERS = "Spotify app", "request budget", "Spotify"
SOON, VERY_SOON = timedelta(days=30), timedelta(days=1)
LONG_AGO = timedelta(days=1)


class Busy(SpotifyError):
    """Other calls fill what Spotify allows in 30 seconds, or what may be under way at once."""

    def __str__(self) -> str:
        return "not asked: other calls take all that Spotify allows just now; look again in a minute"


@dataclass
class Patience:
    """Sleeps for `seconds` in all, and raises `Busy` in place of what would be longer."""

    seconds: float

    def __call__(self, wait: float) -> None:
        self.seconds -= wait
        if self.seconds < 0:
            raise Busy
        time.sleep(wait)


@dataclass(frozen=True)
class Spotify:
    """What the warehouse knows of Spotify at the start of a look: nobody has been called for it."""

    access: SpotifyAccess
    listeners: list[Listener]
    standing: Standing
    now: datetime
    _asking_for_tier: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def open(cls, settings: Settings) -> "Spotify":
        """Raises `UserError` where Postgres, the keys or the clock can't be used."""
        clock = clock_from(settings)
        access = SpotifyAccess.open(settings, open_warehouse(settings), clock)
        return cls(access, access.listeners(), access.governor.standing(), clock.now())

    @property
    def why_not(self) -> str | None:
        """Why Spotify can't or may not be called now; None if it may."""
        if not self.access.settings.spotify_client_id:
            return "not asked, since SPOTIFY_CLIENT_ID is not set"
        if self.standing.block:
            return f"not asked, since Spotify is blocked until {self.standing.block.until:%Y-%m-%d %H:%M} UTC"
        if self.standing.left == 0:
            return "not asked, since the daily budget is used up"
        return None

    def without_login(self) -> list[str]:
        """Who has only ever imported."""
        with self.access.tokens.warehouse.connect() as connection:
            rows = connection.execute(
                "select user_id from ops.unconnected_listeners where removed_at is null order by user_id"
            ).fetchall()
        return [str(user_id) for (user_id,) in rows]

    def login(self, listener: Listener) -> Login:
        """What is stored of the listener's login by now."""
        with self.access.tokens.warehouse.connect() as connection:
            [login] = logins(connection, self.access.api_url, listener.user_id)
        return login

    def client(self, listener: Listener) -> SpotifyClient:
        """The listener's client, for a look: it gives up within 10 seconds, and does not queue for its turn."""
        # Only the look is cut short, never a refresh: its answer may hold the only valid token.
        governor = replace(self.access.governor, sleep=Patience(1.0))
        return replace(
            self.access.client(listener, "connection"),
            limits=QUICK,
            gate=governor.gate("connection", listener.user_id),
        )

    def tier(self, client: SpotifyClient | None) -> str:
        """The app's tier in words; through `client`, if need be, by one call a day."""
        capabilities = self.access.capabilities
        connected = sum(listener.status == "connected" for listener in self.listeners)
        with self._asking_for_tier:
            if client is None:
                return tier(capabilities.allowed("tracks_batch"), connected)
            try:
                return tier(Catalogue(client, capabilities).allows_batches(), connected)
            except SpotifyError:
                return tier(None, connected)


def look_at_app(settings: Settings, *, has_listeners: bool) -> Finding:
    """Whether the token endpoint accepts client id and secret. It belongs to no quota, so that asking is free."""
    if not (settings.spotify_client_id or "").strip():
        remedy = "make an app at https://developer.spotify.com/dashboard and set SPOTIFY_CLIENT_ID"
        return Finding(APP, "red" if has_listeners else "yellow", "SPOTIFY_CLIENT_ID is not set", remedy)
    app = replace(SpotifyApp.from_settings(settings), limits=QUICK)
    app.check()
    how = "without a secret (PKCE)" if app.uses_pkce else "with its secret"
    return Finding(APP, "green", f"{app.accounts_url} accepts {app.client_id} {how}")


def look_at_budget(standing: Standing) -> Finding:
    """What of the daily budget is left, and until when Spotify has told the app to stay away."""
    by_purpose = ", ".join(f"{count} for {purpose}" for purpose, count in sorted(standing.by_purpose.items()))
    used = f"calls in the last 24 h: {standing.used}" + (f" ({by_purpose})" if by_purpose else "")
    if standing.block:
        until = f"blocked until {standing.block.until:%Y-%m-%d %H:%M} UTC"
        return Finding(BUDGET, "yellow", f"{until}; {used}", "wait: polling goes on by itself then")
    if standing.left is None:
        return Finding(BUDGET, "green", f"{used}, no daily limit")
    if standing.left == 0:
        remedy = "wait, or set SPOTIFY_DAILY_REQUEST_BUDGET higher if Spotify allows the app more"
        return Finding(BUDGET, "yellow", f"{used}, and all {standing.budget} are used", remedy)
    return Finding(BUDGET, "green", f"{used}, {standing.left} of {standing.budget} left")


def look_at_listener(spotify: Spotify, listener: Listener) -> Finding:
    """Whether the login works, covers what is needed, and lasts; and when Spotify last answered a poll."""
    name = name_of(listener)
    if listener.status == "needs_login":
        why = f" ({listener.status_reason})" if listener.status_reason else ""
        return Finding(name, "red", f"has to log in again{why}; nothing stored is lost", _log_in(listener.user_id))
    client = None
    if spotify.why_not is None:
        client = spotify.client(listener)
        try:
            client.me()
        except (Blocked, Busy) as not_now:
            return Finding(name, "yellow", str(not_now))
    # After the call, which may have refreshed the token.
    return judged(name, spotify.login(listener), spotify.tier(client), spotify.now, spotify.why_not)


def name_of(listener: Listener) -> str:
    return f"{LISTENERS}: {listener.user_id}"


def judged(name: str, login: Login, tier: str, now: datetime, why_not: str | None) -> Finding:
    """What is known of a login, as a finding. `why_not` says why Spotify was not asked; None: it was, and answered."""
    missing = sorted(set(SCOPES) - login.scopes) if login.scopes is not None else []
    scopes = "scopes not known yet" if login.scopes is None else "all scopes granted"
    left = login.ends_at - now
    parts = [
        why_not or "the login works",
        f"lacks {', '.join(missing)}" if missing else scopes,
        f"lasts {'only ' if left <= SOON else ''}until {login.ends_at:%Y-%m-%d}"
        + (" at the latest" if login.is_guess else ""),
        tier,
        f"last poll {login.polled_at:%Y-%m-%d %H:%M} UTC" if login.polled_at else "never polled yet",
    ]
    status: Status = "yellow" if why_not else "green"
    remedy = ""
    if login.polled_at is None or now - login.polled_at > LONG_AGO:
        status, remedy = "yellow", "run `spotify-assets poll`, or keep Dagster's daemon running"
    if left <= SOON:
        status, remedy = "yellow", _log_in(login.user_id)
    if left <= VERY_SOON:
        status = "red"
    if missing:
        status, remedy = "red", f"{_log_in(login.user_id)} and accept every permission"
    return Finding(name, status, "; ".join(parts), remedy)


def _log_in(user_id: str) -> str:
    return f"run `spotify-assets login {user_id}`"
