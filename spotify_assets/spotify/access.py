"""Spotify as this installation may reach it: one app, its listeners, and calls on behalf of each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

import requests

from spotify_assets.clock import Clock
from spotify_assets.settings import Settings
from spotify_assets.spotify.budget import Purpose, daily_budget
from spotify_assets.spotify.capabilities import Capabilities
from spotify_assets.spotify.client import Answer, SpotifyClient
from spotify_assets.spotify.exchange import new_session
from spotify_assets.spotify.governor import Governor
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import AccessRefused, NotAllowlisted, ReauthRequired, ScopeMissing
from spotify_assets.spotify.tokens import Listener, TokenStore
from spotify_assets.storage.secrets import TokenCipher
from spotify_assets.storage.warehouse import Warehouse

LATELY = timedelta(days=2)
"""Who logged in or was polled since then is served by Spotify; others may have left the allow-list since."""
_NOT_SERVED = (NotAllowlisted, ReauthRequired, ScopeMissing, AccessRefused)


@dataclass
class AnyListener:
    """Calls about nobody in particular: made for the first of these listeners, in order, whom Spotify serves."""

    clients: Sequence[SpotifyClient]
    _turn: int = 0

    @property
    def calls(self) -> int:
        return sum(client.calls for client in self.clients)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """As `SpotifyClient.get`; raises what one listener alone is refused for once that holds for all of them."""
        while True:
            try:
                return self.clients[self._turn].get(path, params)
            except _NOT_SERVED:
                if self._turn + 1 == len(self.clients):
                    raise
                self._turn += 1


@dataclass(frozen=True)
class SpotifyAccess:
    """What a tick needs of Spotify. Opening it calls nobody."""

    settings: Settings = field(repr=False)
    tokens: TokenStore = field(repr=False)
    clock: Clock

    @classmethod
    def open(cls, settings: Settings, warehouse: Warehouse, clock: Clock) -> "SpotifyAccess":
        return cls(settings, TokenStore(warehouse, TokenCipher.from_settings(settings), clock), clock)

    @property
    def api_url(self) -> str:
        return self.settings.spotify_api_url

    def listeners(self) -> list[Listener]:
        """All listeners of this API, also those who have to log in again.

        `SPOTIFY_REFRESH_TOKEN` connects the first one, as `me`.
        """
        if self.settings.spotify_client_id:
            self.tokens.seed_from_environment(self.settings)
        return self.tokens.listeners(self.api_url)

    def recently_played(self, listener: Listener) -> Answer:
        """The listener's newest 50 plays, as Spotify sent them. Raises the types of `outcomes.py`."""
        return self.client(listener, "polling").recently_played()

    def any_listener(self, purpose: Purpose) -> AnyListener | None:
        """Calls through whoever is connected and served; None where nobody is connected."""
        connected = [each for each in self.listeners() if each.status == "connected"]
        return AnyListener([self.client(each, purpose) for each in connected]) if connected else None

    def client(self, listener: Listener, purpose: Purpose) -> SpotifyClient:
        """Calls with the listener's login, counted as made for this purpose."""
        return SpotifyClient(
            session=self._session,
            api_url=self.api_url,
            token=lambda rejected: self.tokens.access_token(listener.user_id, self._app, rejected=rejected),
            clock=self.clock,
            gate=self.governor.gate(purpose, listener.user_id),
            user_id=listener.user_id,
        )

    @cached_property
    def governor(self) -> Governor:
        """The gate of this API. Its budget follows what is known of the app when it is first asked for."""
        connected = self.tokens.connected(self.api_url)
        lately = self.clock.now() - LATELY
        served = sum(max(each.consented_at, each.polled_at or each.consented_at) > lately for each in connected)
        refused = self.capabilities.allowed("tracks_batch") is False
        budget = daily_budget(self.settings.spotify_daily_request_budget, served, is_development=refused)
        return Governor(self.tokens.warehouse, self.clock, self.api_url, budget, len(connected))

    @property
    def capabilities(self) -> Capabilities:
        """What this app was found to be allowed."""
        return Capabilities(self.tokens.warehouse, self.clock, self.api_url)

    # Made on first use and shared by all calls of a run; a session of ours may be used by several threads.
    @cached_property
    def _app(self) -> SpotifyApp:
        return SpotifyApp.from_settings(self.settings)

    @cached_property
    def _session(self) -> requests.Session:
        return new_session()
