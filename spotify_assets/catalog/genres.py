"""Asking MusicBrainz for the genres of the artists, the most played first; and loading what it answered.

One run asks at a time, whatever started it, for MusicBrainz counts calls by address. A bad moment of its (503, no
answer) ends the run and concludes nothing; what was not found is remembered for a month.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

from spotify_assets.asking import Asker, HostFailed
from spotify_assets.catalog import backlog
from spotify_assets.catalog.backlog import GenresWanted
from spotify_assets.catalog.genre_rows import GenreAnswers, load_genres
from spotify_assets.catalog.musicbrainz import (
    BETWEEN_CALLS,
    IN_A_CALL,
    TRIES,
    Answer,
    BatchRefused,
    MusicBrainz,
    read_answer,
    user_agent,
)
from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.reading import Fault
from spotify_assets.spotify.exchange import new_session
from spotify_assets.storage.alone import alone
from spotify_assets.storage.lake import Lake, LakeCorrupt, parse_key
from spotify_assets.storage.landed import in_batches, in_order_of_fetching, left_over
from spotify_assets.storage.landing import Landing, while_nobody_is_erased
from spotify_assets.storage.ledger import note_objects, replace_faults, take_version
from spotify_assets.storage.warehouse import Warehouse

DATASET = "genres"
SECONDS_A_RUN = 600.0
_A_TRANSACTION = 200
_LOCK = 6_174_020_983_551_204_417
_ISRCS_AT_ONCE = 20


@dataclass(frozen=True)
class LoadedGenres:
    """What a load did: answers read, artists whose genres may have changed, and what could not be read."""

    answers: int = 0
    artists: int = 0
    quarantined: int = 0

    def __add__(self, other: "LoadedGenres") -> "LoadedGenres":
        return LoadedGenres(
            self.answers + other.answers, self.artists + other.artists, self.quarantined + other.quarantined
        )


@dataclass
class AskedGenres:
    """What a run did. `stopped` says why it ended before all was asked, `failed` whether MusicBrainz is to blame."""

    calls: int = 0
    loaded: LoadedGenres = field(default_factory=LoadedGenres)
    stopped: str | None = None
    failed: bool = False


def load_genre_answers(warehouse: Warehouse, lake: Lake, keys: Sequence[str]) -> LoadedGenres:
    """Loads landed answers of MusicBrainz'. What can't be read goes to quarantine, the others load.

    Raises `LakeUnavailable` or `WarehouseUnavailable`; what was committed before then stays and is right.
    """
    loaded = LoadedGenres()
    for batch in in_batches(keys, _A_TRANSACTION):
        read = list(_read(lake, batch))
        with warehouse.connect() as connection, connection.cursor() as cur:
            cur.execute("select version from ops.raw_version for update")
            ids = load_genres(cur, [answers for _, answers, _ in read])
            faults = {key: {fault.position: fault for fault in found} for key, _, found in read}
            if replace_faults(cur, faults) or ids:
                take_version(cur, ids=ids)
            rows = ((key, None, answers.fetched_at, 1, len(found), None, None) for key, answers, found in read)
            note_objects(cur, DATASET, rows)
        loaded += LoadedGenres(len(read), len(ids), sum(len(found) for _, _, found in read))
    return loaded


def _read(lake: Lake, keys: Sequence[str]) -> Iterator[tuple[str, GenreAnswers, list[Fault]]]:
    for key, payload in lake.get_many(keys):
        if isinstance(payload, LakeCorrupt):
            answers, faults = GenreAnswers(), [Fault("", str(payload), "")]
        else:
            answers, faults = read_answer(payload)
        answers.fetched_at = parse_key(key).fetched_at
        yield key, answers, faults


@dataclass
class GenreRun:
    """What it takes to ask. `tell` gets a line now and then."""

    warehouse: Warehouse
    lake: Lake
    musicbrainz: MusicBrainz
    clock: Clock
    tell: Callable[[str], None] = lambda _line: None

    def run(self) -> AskedGenres:
        """Asks until nothing is wanted, the time is over, or MusicBrainz fails.

        Raises `WarehouseUnavailable` and `LakeUnavailable`.
        """
        with while_nobody_is_erased(self.warehouse), alone(self.warehouse, _LOCK) as is_alone:
            done = AskedGenres()
            waiting = left_over(self.warehouse, self.lake, DATASET, self.clock.now().date())
            done.loaded += load_genre_answers(self.warehouse, self.lake, in_order_of_fetching(waiting))
            if not is_alone:
                done.stopped = "Another run is asking MusicBrainz just now."
                return done
            asker = self.musicbrainz.asker
            before = asker.calls
            until = time.monotonic() + SECONDS_A_RUN
            try:
                while not done.stopped and (wanted := self._wanted()):
                    self._ask(wanted, done)
                    self.tell(f"{asker.calls - before} calls to MusicBrainz.")
                    if time.monotonic() >= until:
                        done.stopped = f"{SECONDS_A_RUN / 60:.0f} minutes are enough for one run."
            except HostFailed as failed:
                done.stopped, done.failed = str(failed), True
            done.calls = asker.calls - before
            return done

    def _wanted(self) -> GenresWanted:
        with self.warehouse.connect() as connection:
            return backlog.genres_wanted(connection, self.clock.now(), IN_A_CALL)

    def _ask(self, wanted: GenresWanted, done: AskedGenres) -> None:
        """One batch of what is wanted most."""
        if wanted.genre_list:
            self._take(done, [self.musicbrainz.genres()])
        if wanted.artists:
            self._take(done, self._in_parts(self.musicbrainz.artists_at, wanted.artists))
            self._note("address", wanted.artists, self._linked(wanted.artists, "address"))
        elif wanted.mbids:
            self._ask_for_tags(wanted.mbids, done)
        elif wanted.isrcs:
            self._ask_for_isrcs(wanted.isrcs, done)

    def _in_parts(self, ask: Callable[[Sequence[str]], Answer], ids: Sequence[str]) -> list[Answer]:
        """The answers about these: together, or where MusicBrainz refuses that, about each half of them.

        So one that is no id holds up no other. Where every single one is refused it is not the ids: raises that.
        """
        told: list[Answer] = []
        refused: BatchRefused | None = None
        parts = [ids]
        for part in parts:
            try:
                told.append(ask(part))
            except BatchRefused as refusal:
                refused = refusal
                half = len(part) // 2
                parts += [part[:half], part[half:]] if half else []
        if refused and not told and len(ids) > 1:
            raise refused
        return told

    def _ask_for_tags(self, mbids: Sequence[str], done: AskedGenres) -> None:
        told = self._in_parts(self.musicbrainz.tags_of, mbids)
        self._take(done, told)
        found = {mbid for each in told for mbid in read_answer(each.body)[0].tags}
        for mbid in sorted(set(mbids) - found):
            # The search's index lags behind, and it stops when it takes long: the database knows.
            alone = self.musicbrainz.artist(mbid)
            if alone:
                self._take(done, [alone])
                found |= read_answer(alone.body)[0].tags.keys()
            self._note("tags", [mbid], found)
        self._note("tags", mbids, found)

    def _ask_for_isrcs(self, isrcs: Mapping[str, str], done: AskedGenres) -> None:
        for artist_id, isrc in list(isrcs.items())[:_ISRCS_AT_ONCE]:
            told = self.musicbrainz.recordings_of(isrc)
            if told:
                self._take(done, [told])
            self._note("isrc", [artist_id], self._linked([artist_id], "isrc"))

    def _take(self, done: AskedGenres, told: Sequence[Answer]) -> None:
        """Lands, then loads. Raises `HostFailed` where one isn't what was asked for, so that nothing is concluded."""
        landing = Landing(self.lake, self.warehouse)
        keys = []
        for each in told:
            landed = landing.land(DATASET, each.body, each.fetched_at, None)
            if landed.spooled:
                raise UserError(f"{landed.spooled} The answer waits in ops.spool and moves at the next run.")
            keys.append(landed.key)
        done.loaded += load_genre_answers(self.warehouse, self.lake, keys)
        if none := next((each for each in told if not each.is_one), None):
            raise HostFailed(
                f"MusicBrainz sent something else than was asked for at {none.path}: nothing is concluded and it is "
                "asked again later; if it stays so, look at what landed, and report it."
            )

    def _linked(self, artist_ids: Sequence[str], found_by: str) -> set[str]:
        """Those of whom it is known in this way who they are at MusicBrainz."""
        with self.warehouse.connect() as connection:
            rows = connection.execute(
                "select artist_id from raw.artist_mbids where found_by = %s and artist_id = any(%s)",
                (found_by, list(artist_ids)),
            ).fetchall()
        return {str(artist_id) for (artist_id,) in rows}

    def _note(self, kind: str, asked: Sequence[str], found: set[str]) -> None:
        with self.warehouse.connect() as connection:
            note_lookups(connection, kind, {id_: id_ in found for id_ in asked}, self.clock.now())


def note_lookups(connection: psycopg.Connection, kind: str, asked: dict[str, bool], now: datetime) -> None:
    """Remembers what MusicBrainz was asked, and whether it knew."""
    connection.execute(
        """
        insert into ops.genre_lookups (kind, id, asked_at, was_found)
        select %s, asked.id, %s, asked.was_found
        from unnest(%s::text[], %s::boolean[]) as asked (id, was_found)
        on conflict (kind, id) do update
        set asked_at = excluded.asked_at, was_found = excluded.was_found
        """,
        (kind, now, list(asked), list(asked.values())),
    )


@contextmanager
def open_musicbrainz(
    url: str, clock: Clock, contact: str | None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[MusicBrainz]:
    """MusicBrainz at an address. Calls nobody."""
    with new_session(1) as session:
        session.headers["User-Agent"] = user_agent(contact)
        yield MusicBrainz(Asker("MusicBrainz", session, clock, TRIES, BETWEEN_CALLS, sleep), url)
