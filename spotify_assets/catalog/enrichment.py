"""Asking Spotify for what is missing: tracks, artists, then albums, and last what was described a month ago.

Every answer lands before it is read, and is loaded soon after, so that a run that ends in the middle has lost nothing.
A run ends well when the budget's share is used up, Spotify says to stay away, or its number of calls is made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from spotify_assets.catalog import backlog
from spotify_assets.catalog.landed import DATASETS, LoadedThings, load_things, note_fetches
from spotify_assets.catalog.objects import Kind
from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.catalogue import IDS_IN_A_CALL, Catalogue, Failed, Unknown
from spotify_assets.spotify.catalogue import Kind as Several
from spotify_assets.spotify.client import Answer
from spotify_assets.spotify.outcomes import Blocked, SpotifyError, Transient
from spotify_assets.storage.alone import alone
from spotify_assets.storage.lake import Lake, parse_key
from spotify_assets.storage.landed import in_order_of_fetching, left_over
from spotify_assets.storage.landing import Landing, while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse

CALLS_A_RUN = 400
"""A run stops after so many, so that what it found is soon in the models; the sensor asks for the next one."""
_LOADED_AT_ONCE = 25
_IDS_AT_ONCE = 1000
_FAILURES_IN_A_ROW = 3
LOCK = 5_820_047_113_926_640_531
_SEVERAL: dict[Kind, Several] = {"track": "tracks", "artist": "artists", "album": "albums"}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Enriched:
    """What a run did. `stopped` says why it ended before all was asked, `failed` whether that is a failure.

    `answers` came in this run, and of more ids it was said that they are `unknown`; of some there was nothing to be had
    (`passed_over`). `loaded` counts too what runs that died had left.
    """

    calls: int = 0
    answers: int = 0
    unknown: int = 0
    passed_over: int = 0
    loaded: LoadedThings = field(default_factory=LoadedThings)
    stopped: str | None = None
    failed: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether Spotify answered nothing of all that this run asked, for no matter of budget or of single ids."""
        return self.failed and not (self.answers or self.unknown or self.passed_over)

    def __add__(self, other: "Enriched") -> "Enriched":
        return Enriched(
            self.calls + other.calls,
            self.answers + other.answers,
            self.unknown + other.unknown,
            self.passed_over + other.passed_over,
            self.loaded + other.loaded,
            self.stopped or other.stopped,
            self.failed or other.failed,
        )


@dataclass
class _Failing:
    """The ids that failed in this run, so that it goes on with others; several in a row are Spotify's bad moment."""

    ids: set[str] = field(default_factory=set)
    in_a_row: int = 0
    last: Transient | None = None

    def note(self, failed: Failed) -> None:
        """Raises why it failed once too many did so, one behind the other."""
        self.ids.add(failed.id)
        self.in_a_row += 1
        self.last = failed.why
        if self.in_a_row == _FAILURES_IN_A_ROW:
            raise failed.why


@dataclass(frozen=True)
class Enrichment:
    """What it takes to ask for things of these `kinds`; `tell` gets a line now and then."""

    warehouse: Warehouse
    lake: Lake
    spotify: SpotifyAccess
    clock: Clock
    kinds: tuple[Kind, ...]
    most_calls: int = CALLS_A_RUN
    tell: Progress = lambda _line: None

    def run(self) -> Enriched:
        """Asks until nothing of its kinds is wanted. Raises `WarehouseUnavailable` and `LakeUnavailable`."""
        with while_nobody_is_erased(self.warehouse), alone(self.warehouse, LOCK) as is_alone:
            landing = Landing(self.lake, self.warehouse)
            landing.move_spool()
            today = self.clock.now().date()
            waiting = [left_over(self.warehouse, self.lake, dataset, today) for dataset in datasets(self.kinds)]
            keys = in_order_of_fetching(set().union(*waiting))
            done = Enriched(loaded=load_things(self.warehouse, self.lake, keys))
            if not is_alone:
                # It would ask for the same things in the same order.
                return done + Enriched(stopped="Another run is asking Spotify just now.")
            catalogue = self._catalogue()
            if catalogue is None:
                return done + Enriched(stopped="Nobody is connected, so Spotify can't be asked.")
            failing = _Failing()
            while not done.stopped and (wanted := self._wanted(failing)):
                done += self._ask(landing, catalogue, *wanted, self.most_calls - done.calls, failing)
                if done.calls >= self.most_calls:
                    done += Enriched(stopped=f"{done.calls} calls are enough for one run.")
            if failing.last and not done.failed:
                done += Enriched(passed_over=len(failing.ids), stopped=str(failing.last), failed=True)
            return done

    def _catalogue(self) -> Catalogue | None:
        """Spotify's catalogue; None where nobody is connected."""
        client = self.spotify.any_listener("enrichment")
        return Catalogue(client, self.spotify.capabilities) if client else None

    def _wanted(self, failing: _Failing) -> tuple[Kind, list[str]] | None:
        with self.warehouse.connect() as connection:
            return backlog.wanted(connection, self.kinds, self.clock.now(), _IDS_AT_ONCE, failing.ids)

    def _ask(
        self,
        landing: Landing,
        catalogue: Catalogue,
        kind: Kind,
        ids: Sequence[str],
        most_calls: int,
        failing: _Failing,
    ) -> Enriched:
        """Asks for these, as far as the calls go; lands and loads what came."""
        dataset = _SEVERAL[kind]
        before = catalogue.client.calls
        unknown: list[str] = []
        keys: list[str] = []
        asked = 0
        stopped, failed = None, False
        try:
            while asked < len(ids) and (made := catalogue.client.calls - before) < min(most_calls, _LOADED_AT_ONCE):
                chunk = ids[asked : asked + _at_once(catalogue, dataset, most_calls - made)]
                for found in catalogue.several(dataset, chunk):
                    if isinstance(found, Failed):
                        failing.note(found)
                        continue
                    failing.in_a_row = 0
                    if isinstance(found, Unknown):
                        unknown.append(found.id)
                    else:
                        keys.append(self._land(landing, dataset, found))
                asked += len(chunk)
        except Blocked as blocked:
            stopped = str(blocked)
        except SpotifyError as refused:
            stopped, failed = str(refused), True
        calls = catalogue.client.calls - before
        loaded = load_things(self.warehouse, self.lake, keys)
        self._note_unknown(kind, [each for each in ids[:asked] if each not in failing.ids], unknown, keys)
        self.tell(f"{loaded.things.get(kind, 0)} {dataset} by {calls} calls.")
        return Enriched(calls, len(keys), len(unknown), 0, loaded, stopped, failed)

    def _land(self, landing: Landing, dataset: str, answer: Answer) -> str:
        landed = landing.land(dataset, answer.body, answer.fetched_at, None)
        if landed.spooled:
            raise UserError(f"{landed.spooled} The answer waits in ops.spool and moves at the next run.")
        return landed.key

    def _note_unknown(self, kind: Kind, asked: Sequence[str], unknown: Sequence[str], keys: Sequence[str]) -> None:
        """Remembers what Spotify doesn't know, and what it was asked for and answered with something else.

        What these answers, and no earlier ones, gave is told by their times.
        """
        now = self.clock.now()
        since = min((parse_key(key).fetched_at for key in keys), default=now)
        with self.warehouse.connect() as connection, connection.cursor() as cur:
            cur.execute(
                """
                select id
                from ops.catalog_fetches
                where kind = %s and id = any(%s) and fetched_at >= %s and not is_unknown
                """,
                (kind, list(asked), since),
            )
            given = {str(id_) for (id_,) in cur.fetchall()}
            missed = {*unknown, *asked} - given
            note_fetches(cur, ((kind, id_, now, True) for id_ in sorted(missed)))


def _at_once(catalogue: Catalogue, dataset: Several, calls: int) -> int:
    """How many to ask for at once, so that no more than these calls are made even where Spotify wants them singly."""
    if catalogue.may_batch(dataset) is False:
        return 1
    return max(1, min(IDS_IN_A_CALL[dataset], calls - 1))


def datasets(kinds: Sequence[Kind]) -> list[str]:
    """The datasets of the lake that hold these kinds."""
    return [dataset for dataset, kind in DATASETS.items() if kind in kinds]
