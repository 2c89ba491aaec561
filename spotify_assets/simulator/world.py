"""Everything that one running simulator knows and remembers. Requests change it one at a time."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime

from spotify_assets.simulator.accounts import make_accounts
from spotify_assets.simulator.adopted import tracks_of_exports
from spotify_assets.simulator.catalogue import Catalogue
from spotify_assets.simulator.charts import Charts
from spotify_assets.simulator.config import SimulatorConfig, Tier
from spotify_assets.simulator.faults import Faults
from spotify_assets.simulator.limits import Limits
from spotify_assets.simulator.listener import Listener
from spotify_assets.simulator.oauth import AccountsService
from spotify_assets.simulator.player import Player
from spotify_assets.simulator.replay import Replay
from spotify_assets.simulator.shapes import Shapes
from spotify_assets.simulator.timekeeping import SimulatedTime
from spotify_assets.simulator.tokens import TokenBook
from spotify_assets.simulator.workspace import Workspace


@dataclass(frozen=True)
class LoggedRequest:
    """One call of a client, without anything secret. `at` is simulated time."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    user: str | None
    grant_type: str | None
    status: int


@dataclass
class RequestLog:
    """All calls to the Web API and the accounts service since the start or the last `clear`."""

    requests: list[LoggedRequest] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How often each `METHOD path status` was answered."""
        return dict(Counter(f"{call.method} {call.path} {call.status}" for call in self.requests))


@dataclass
class MusicBrainzGate:
    """What MusicBrainz remembers of its callers; `last_call` is `time.monotonic()`."""

    calls: int = 0
    last_call: float = 0.0


class World:
    """The simulated Spotify: its clock, music, people, tokens, limits and troubles."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.clock = SimulatedTime(config.at, running=config.running)
        self.catalogue = Catalogue(config.seed)
        self.catalogue.adopt(list(tracks_of_exports(config.known_exports)))
        self.charts = Charts(self.catalogue, config.recorded_charts)
        self.accounts = make_accounts(config.seed, config.listeners, config.time_zone)
        self.listeners = {user: Listener(account, self.catalogue, config) for user, account in self.accounts.items()}
        self.players = {user: Player(listener, config) for user, listener in self.listeners.items()}
        self.book = TokenBook(config.seed, config.state)
        self.oauth = AccountsService(config, self.accounts, self.book, self.clock)
        self.limits = Limits(config.seed)
        self.musicbrainz = MusicBrainzGate()
        self.slack = Workspace()
        self.faults = Faults()
        self.log = RequestLog()
        self.replay = Replay(config.replay) if config.replay else None
        self._shapes: dict[Tier, Shapes] = {}

    @property
    def config(self) -> SimulatorConfig:
        return self.oauth.config

    @property
    def shapes(self) -> Shapes:
        """Objects as the present tier sees them."""
        return self._shapes.setdefault(self.config.tier, Shapes(self.catalogue, self.config.tier))

    def change_app(self, **changes: object) -> None:
        """Replaces parts of the configuration while running: the app's, not the listeners'."""
        self.oauth.config = replace(self.config, **changes)  # type: ignore[arg-type]  # validated by the admin model
