"""One import: what was given becomes objects of the lake, and rows of `raw`.

The order makes it safe to be killed anywhere and run again. A file lands before it is loaded, and it is loaded by
reading it back from the lake; the manifest lands when all files lie there. What lies there already is found by a
listing and not stored twice. While one file is compressed and stored, the one before it is loaded.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from spotify_assets.clock import Clock
from spotify_assets.listening.exports.lake_exports import keys_by_digest
from spotify_assets.listening.exports.loading import Loaded, load_object, note_statistics
from spotify_assets.listening.exports.manifest import DATASET, ExportMember, digest, export_hash, write_manifest
from spotify_assets.listening.exports.newcomer import welcome
from spotify_assets.listening.exports.sources import Item, LeftAlone, Refused
from spotify_assets.storage.lake import Lake, lake_key
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse

_LOCKS = 1_802_072_114  # any number that no other program on the same database takes
Told = Callable[[int], None]
"""Called with the bytes of each file as it was given."""


@dataclass
class Imported:
    """What an import did."""

    user_id: str
    export_hash: str | None = None
    """None where nothing could be taken."""
    members: list[ExportMember] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """A sentence for each file that was refused."""
    left_alone: list[LeftAlone] = field(default_factory=list)
    known_before: set[str] = field(default_factory=set)
    """The hashes of those files that were loaded before."""
    loaded: Loaded = field(default_factory=Loaded)

    @property
    def partition(self) -> str | None:
        """The partition of `streaming_history` that is this export."""
        return f"{self.user_id}-{self.export_hash}" if self.export_hash else None


def import_export(
    warehouse: Warehouse,
    lake: Lake,
    clock: Clock,
    user_id: str,
    items: Iterable[Item],
    time_zone: str,
    told: Told = lambda _: None,
) -> Imported:
    """Lands and loads one export, all that `items` gives; `time_zone` counts for a listener who is new.

    Nobody is erased meanwhile, and a second import of the same listener waits. `told` is called for each file loaded.
    Raises `LakeUnavailable` or `WarehouseUnavailable`; run again, it completes.
    """
    imported = Imported(user_id)
    with while_nobody_is_erased(warehouse), _alone(warehouse, user_id):
        landing = _Landing(warehouse, lake, clock, user_id, imported)
        for key, size in _one_ahead(landing.files(items)):
            if not imported.loaded.files:
                # Not before now: who gave nothing but wrong files is no listener.
                welcome(warehouse, user_id, time_zone)
            imported.loaded += load_object(warehouse, lake, key)
            told(size)
        if imported.members:
            imported.loaded += load_object(warehouse, lake, landing.manifest())
            imported.export_hash = export_hash(member.file_hash for member in imported.members)
            note_statistics(warehouse, imported.loaded)
    return imported


@dataclass
class _Landing:
    """Puts files into the lake, each once."""

    warehouse: Warehouse
    lake: Lake
    clock: Clock
    user_id: str
    imported: Imported

    def __post_init__(self) -> None:
        self._keys = keys_by_digest(self.lake, self.user_id)

    def files(self, items: Iterable[Item]) -> Iterator[tuple[Callable[[], str], int]]:
        """For each file of the export, what stores it and returns its key, and its size as it was given."""
        taken: set[str] = set()
        for item in items:
            if isinstance(item, Refused):
                self.imported.refused.append(item.sentence)
            elif isinstance(item, LeftAlone):
                self.imported.left_alone.append(item)
            else:
                file_hash = digest(item.payload)
                owner = self._another_owner(file_hash)
                if owner:
                    self.imported.refused.append(
                        f"{item.where} is part of {owner}'s history already, and a file belongs to one listener: "
                        f"it can be imported for {owner} only."
                    )
                    continue
                self.imported.members.append(ExportMember(file_hash, item.name))
                if file_hash not in taken:
                    taken.add(file_hash)
                    yield self._storing(item.payload), item.size

    def manifest(self) -> str:
        """Stores the export's manifest, and returns its key."""
        return self._storing(write_manifest(self.imported.members))()

    def _storing(self, payload: bytes) -> Callable[[], str]:
        known = self._keys.get(digest(payload))
        key = known or lake_key(DATASET, payload, self.clock.now(), self.user_id)

        def store() -> str:
            if not known:
                self.lake.put(key, payload)
            return key

        return store

    def _another_owner(self, file_hash: str) -> str | None:
        """Who else has the file; one without rows is nobody's. Notes by the way whether this listener has it."""
        with self.warehouse.connect() as connection:
            rows = connection.execute(
                "select user_id, rows_read from raw.export_files where file_hash = %s order by user_id", (file_hash,)
            ).fetchall()
        if any(user_id == self.user_id for user_id, _ in rows):
            self.imported.known_before.add(file_hash)
            return None
        return next((str(user_id) for user_id, rows_read in rows if rows_read), None)


def _one_ahead(files: Iterator[tuple[Callable[[], str], int]]) -> Iterator[tuple[str, int]]:
    """(key, size) of each file that is stored; the next one is read and being stored meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="landing") as pool:
        before: tuple[Future[str], int] | None = None
        for store, size in files:
            stored = pool.submit(store)
            if before:
                yield before[0].result(), before[1]
            before = stored, size
        if before:
            yield before[0].result(), before[1]


@contextmanager
def _alone(warehouse: Warehouse, user_id: str) -> Iterator[None]:
    with warehouse.connect() as connection:
        connection.autocommit = True
        connection.execute("select pg_advisory_lock(%s, hashtext(%s))", (_LOCKS, user_id))
        yield
