"""Landed answers about tracks, artists and albums into Postgres. Their genres, where Spotify gives them, come along."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from spotify_assets.catalog.genre_rows import GENRE_BYTES, GenreAnswers, load_genres
from spotify_assets.catalog.loading import Sighting, load_versions
from spotify_assets.catalog.objects import Catalogue, Kind, read_album, read_artist, read_track
from spotify_assets.reading import Fault, Reader, read_payload
from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.lake import Lake, LakeCorrupt, parse_key
from spotify_assets.storage.landed import in_batches
from spotify_assets.storage.ledger import Cursor, note_objects, replace_faults, take_version
from spotify_assets.storage.warehouse import Warehouse

DATASETS: dict[str, Kind] = {"tracks": "track", "artists": "artist", "albums": "album"}
_A_TRANSACTION = 500
_READ = {"track": read_track, "artist": read_artist, "album": read_album}


@dataclass(frozen=True)
class LoadedThings:
    """What a load did: answers read, whole things in them by kind, ids whose rows changed, and what can't be read."""

    answers: int = 0
    things: dict[Kind, int] = field(default_factory=dict)
    changed: int = 0
    quarantined: int = 0

    def __add__(self, other: "LoadedThings") -> "LoadedThings":
        kinds = {*self.things, *other.things}
        return LoadedThings(
            self.answers + other.answers,
            {kind: self.things.get(kind, 0) + other.things.get(kind, 0) for kind in kinds},
            self.changed + other.changed,
            self.quarantined + other.quarantined,
        )


@dataclass
class _Landed:
    lake_key: str
    kind: Kind
    ids: list[str] = field(default_factory=list)
    relinked: list[str] = field(default_factory=list)
    """Ids that were asked for, and answered with another one that plays the same here."""
    catalogue: Catalogue = field(default_factory=Catalogue)
    genres: GenreAnswers = field(default_factory=GenreAnswers)
    faults: list[Fault] = field(default_factory=list)


def load_things(warehouse: Warehouse, lake: Lake, keys: Sequence[str]) -> LoadedThings:
    """Loads landed answers of the datasets in `DATASETS`, 500 a transaction. What can't be read goes to quarantine.

    Raises `LakeUnavailable` or `WarehouseUnavailable`; what was committed before then stays and is right.
    """
    loaded = LoadedThings()
    for batch in in_batches(keys, _A_TRANSACTION):
        landed = list(_read(lake, batch))
        with warehouse.connect() as connection, connection.cursor() as cur:
            loaded += _load(cur, landed)
    return loaded


def _read(lake: Lake, keys: Sequence[str]) -> Iterator[_Landed]:
    for key, payload in lake.get_many(keys):
        landed = _Landed(key, DATASETS[parse_key(key).dataset])
        if isinstance(payload, LakeCorrupt):
            landed.faults.append(Fault("", str(payload), ""))
        else:
            _read_answer(payload, landed)
        yield landed


def _read_answer(payload: bytes, landed: _Landed) -> None:
    top = read_payload(payload)
    several = f"{landed.kind}s"
    # In a batch Spotify puts null in the place of an unknown id: that is an answer, and nothing that can't be read.
    things = list(_objects(top, several)) if several in top.value else [top]
    for thing in things:
        thing_id = _READ[landed.kind](thing, landed.catalogue)
        if thing_id is None:
            thing.fault("", f"no {landed.kind}, for it has no id", thing.value)
            continue
        landed.ids.append(thing_id)
        linked_from = thing.child("linked_from")
        asked_id = linked_from.key("id") if linked_from else None
        if asked_id:
            landed.relinked.append(asked_id)
        if landed.kind == "artist":
            _read_genres(thing, thing_id, landed.genres)
    landed.faults += top.faults


def _read_genres(artist: Reader, artist_id: str, found: GenreAnswers) -> None:
    """Genres of which one can't be read take none of the known ones away."""
    before = len(artist.faults)
    names = artist.keys("genres", GENRE_BYTES)
    if names is not None and len(artist.faults) == before:
        found.spotify[artist_id] = sorted(set(names))


def _objects(top: Reader, several: str) -> Iterator[Reader]:
    values = top.value[several]
    if not isinstance(values, list):
        top.fault(several, "expected a list", values)
        return
    for place, value in enumerate(values):
        if isinstance(value, dict):
            yield Reader(value, f"/{several}/{place}", top.faults)
        elif value is not None:
            top.fault(f"{several}/{place}", "expected an object", value)


def _load(cur: Cursor, landed: Sequence[_Landed]) -> LoadedThings:
    cur.execute("select version from ops.raw_version for update")
    ids = load_versions(cur, _sightings(landed))
    for each in landed:
        each.genres.fetched_at = parse_key(each.lake_key).fetched_at
    ids |= load_genres(cur, [each.genres for each in landed])
    note_fetches(cur, _fetches(landed))
    faults = {each.lake_key: {fault.position: fault for fault in each.faults} for each in landed}
    if replace_faults(cur, faults) or ids:
        take_version(cur, ids=ids)
    for dataset, kind in DATASETS.items():
        note_objects(cur, dataset, (_object_row(each) for each in landed if each.kind == kind))
    things: dict[Kind, int] = {}
    for each in landed:
        things[each.kind] = things.get(each.kind, 0) + len(each.ids)
    return LoadedThings(len(landed), things, len(ids), sum(len(found) for found in faults.values()))


def _sightings(landed: Iterable[_Landed]) -> Iterator[Sighting]:
    for each in landed:
        for version in each.catalogue.versions.values():
            yield Sighting(version, parse_key(each.lake_key).fetched_at, each.lake_key)


def _fetches(landed: Iterable[_Landed]) -> Iterator[tuple[object, ...]]:
    for each in landed:
        for thing_id in (*each.ids, *each.relinked):
            yield each.kind, thing_id, parse_key(each.lake_key).fetched_at, False


def note_fetches(cur: Cursor, rows: Iterable[tuple[object, ...]]) -> None:
    """Writes down when things (kind, id) were given whole or, `is_unknown`, denied; the newest word counts."""
    columns = [("kind", "text"), ("id", "text"), ("fetched_at", "timestamptz"), ("is_unknown", "boolean")]
    copy_rows(cur, "staged_fetches", columns, rows)
    cur.execute(
        """
        insert into ops.catalog_fetches as known (kind, id, fetched_at, is_unknown)
        select distinct on (kind, id) kind, id, fetched_at, is_unknown
        from staged_fetches
        order by kind, id, fetched_at desc, is_unknown
        on conflict (kind, id) do update
        set fetched_at = excluded.fetched_at, is_unknown = excluded.is_unknown
        where excluded.fetched_at > known.fetched_at
        """
    )


def _object_row(landed: _Landed) -> tuple[object, ...]:
    at = parse_key(landed.lake_key).fetched_at
    return landed.lake_key, None, at, len(landed.ids), len(landed.faults), None, None
