"""Landed pages of recently-played into Postgres: read from the lake, `COPY`, one upsert, in one transaction.

Loads run one after the other (each holds the row of `ops.raw_version`), so two of them can't interleave. Loading an
object twice, or objects in any order, gives the same rows of `raw`. A load that changes a row of `raw` takes the next
version and notes what it changed, which is what the models rebuild.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import psycopg

from spotify_assets.catalog.loading import Sighting, load_versions
from spotify_assets.catalog.objects import Kind
from spotify_assets.listening.pages import Page, read_page, unreadable_page
from spotify_assets.reading import Fault
from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.lake import Lake, LakeCorrupt, parse_key
from spotify_assets.storage.warehouse import Warehouse

DATASET = "recently_played"
OBJECTS_A_TRANSACTION = 500

Cursor = psycopg.Cursor[tuple[object, ...]]


@dataclass(frozen=True)
class Loaded:
    """What one load did. `new` (by listener) and `plays_changed` count rows of `raw.plays`; times are UTC."""

    objects: int = 0
    plays_read: int = 0
    new: Counter[str] = field(default_factory=Counter)
    plays_changed: int = 0
    quarantined: int = 0
    first_played_at: datetime | None = None
    last_played_at: datetime | None = None

    @property
    def plays_new(self) -> int:
        return self.new.total()

    def __add__(self, other: "Loaded") -> "Loaded":
        firsts = [at for at in (self.first_played_at, other.first_played_at) if at]
        lasts = [at for at in (self.last_played_at, other.last_played_at) if at]
        return Loaded(
            self.objects + other.objects,
            self.plays_read + other.plays_read,
            self.new + other.new,
            self.plays_changed + other.plays_changed,
            self.quarantined + other.quarantined,
            min(firsts, default=None),
            max(lasts, default=None),
        )


@dataclass(frozen=True)
class _LandedPage:
    lake_key: str
    user_id: str
    fetched_at: datetime
    page: Page


def load_objects(warehouse: Warehouse, lake: Lake, keys: Sequence[str]) -> Loaded:
    """Loads landed pages, 500 a transaction. An object that can't be read goes to quarantine, the others load.

    Raises `LakeUnavailable` or `WarehouseUnavailable`; what was committed before then stays and is right.
    """
    loaded = Loaded()
    for start in range(0, len(keys), OBJECTS_A_TRANSACTION):
        pages = list(_read(lake, keys[start : start + OBJECTS_A_TRANSACTION]))
        with warehouse.connect() as connection, connection.cursor() as cur:
            loaded += _load(cur, pages)
    return loaded


def _read(lake: Lake, keys: Sequence[str]) -> Iterator[_LandedPage]:
    for key, payload in lake.get_many(keys):
        parsed = parse_key(key)
        page = unreadable_page(str(payload)) if isinstance(payload, LakeCorrupt) else read_page(payload)
        yield _LandedPage(key, parsed.user_id or "", parsed.fetched_at, page)


def _load(cur: Cursor, pages: list[_LandedPage]) -> Loaded:
    copy_rows(cur, "staged_plays", _STAGED_PLAYS, _play_rows(pages))
    cur.execute("select version from ops.raw_version for update")
    new, changed, days = _upsert_plays(cur)
    ids = load_versions(cur, _sightings(pages))
    quarantine_changed = _replace_quarantine(cur, pages)
    if days or ids or quarantine_changed:
        _take_version(cur, new.total(), days, ids)
    _note_as_loaded(cur, pages)
    times = [play.played_at for landed in pages for play in landed.page.plays]
    return Loaded(
        objects=len(pages),
        plays_read=len(times),
        new=new,
        plays_changed=changed,
        quarantined=sum(len(_faults(landed)) for landed in pages),
        first_played_at=min(times, default=None),
        last_played_at=max(times, default=None),
    )


_STAGED_PLAYS = [
    ("user_id", "text"),
    ("played_at", "timestamptz(3)"),
    ("track_id", "text"),
    ("context_type", "text"),
    ("context_uri", "text"),
    ("fetched_at", "timestamptz"),
    ("lake_key", "text"),
]


def _play_rows(pages: Iterable[_LandedPage]) -> Iterator[tuple[object, ...]]:
    for landed in pages:
        for play in landed.page.plays:
            yield (
                landed.user_id,
                play.played_at,
                play.track_id,
                play.context_type,
                play.context_uri,
                landed.fetched_at,
                landed.lake_key,
            )


def _sightings(pages: Iterable[_LandedPage]) -> Iterator[Sighting]:
    for landed in pages:
        for version in landed.page.catalogue.versions.values():
            yield Sighting(version, landed.fetched_at, landed.lake_key)


def _upsert_plays(cur: Cursor) -> tuple[Counter[str], int, set[tuple[str, date]]]:
    """Returns how many rows are new (by listener) and how many changed, and the listeners' UTC days they lie in."""
    cur.execute(_UPSERT_PLAYS)
    upserted = cur.fetchall()
    cur.execute(_NEWER_CONTEXTS)
    cur.execute(_CONTEXTS_SEEN)
    cur.execute(_CONTEXTS_SHOWN)
    contexts = cur.fetchall()
    new_keys = {row[:3] for row in upserted if row[3]}
    changed_keys = {row[:3] for row in [*upserted, *contexts]} - new_keys
    days = {(str(user), at.date()) for user, at, _ in new_keys | changed_keys if isinstance(at, datetime)}
    return Counter(str(user) for user, _, _ in new_keys), len(changed_keys), days


_UPSERT_PLAYS = """
    insert into raw.plays as p (user_id, played_at, track_id, lake_key)
    select user_id, played_at, track_id, min(lake_key collate "C")
    from staged_plays
    group by user_id, played_at, track_id
    on conflict (user_id, played_at, track_id) do update
    set lake_key = excluded.lake_key
    where excluded.lake_key collate "C" < p.lake_key collate "C"
    returning user_id, played_at, track_id, xmax = 0
"""

# A play's context: the newest fetch that gives one wins, in any order of loading.
_NEWER_CONTEXTS = """
    create temporary table newer_contexts on commit drop as
    with newest as (
        select distinct on (user_id, played_at, track_id) *
        from staged_plays
        where context_uri is not null
        order by user_id, played_at, track_id, fetched_at desc, context_uri collate "C" desc, context_type
    )
    select newest.*
    from newest
    inner join raw.plays as p using (user_id, played_at, track_id)
    left join ops.play_contexts as seen using (user_id, played_at, track_id)
    where seen.fetched_at is null
        or newest.fetched_at > seen.fetched_at
        or (newest.fetched_at = seen.fetched_at and newest.context_uri collate "C" > p.context_uri collate "C")
"""

_CONTEXTS_SEEN = """
    insert into ops.play_contexts (user_id, played_at, track_id, fetched_at)
    select user_id, played_at, track_id, fetched_at
    from newer_contexts
    on conflict (user_id, played_at, track_id) do update
    set fetched_at = excluded.fetched_at
"""

_CONTEXTS_SHOWN = """
    update raw.plays as p
    set context_type = newer.context_type,
        context_uri = newer.context_uri
    from newer_contexts as newer
    where (p.user_id, p.played_at, p.track_id) = (newer.user_id, newer.played_at, newer.track_id)
        and (p.context_type, p.context_uri) is distinct from (newer.context_type, newer.context_uri)
    returning p.user_id, p.played_at, p.track_id
"""


def _faults(landed: _LandedPage) -> dict[str, Fault]:
    return {fault.position: fault for fault in landed.page.faults}


def _replace_quarantine(cur: Cursor, pages: list[_LandedPage]) -> bool:
    """Makes the quarantine of these objects what was found now; returns whether that changed anything."""
    rows = [(p.lake_key, at, fault.reason, fault.content) for p in pages for at, fault in _faults(p).items()]
    columns = [("lake_key", "text"), ("position", "text"), ("reason", "text"), ("content", "text")]
    copy_rows(cur, "staged_quarantine", columns, rows)
    cur.execute(
        """
        delete from raw.quarantine as q
        where q.lake_key = any(%s)
            and not exists (
                select from staged_quarantine as s where (s.lake_key, s.position) = (q.lake_key, q.position)
            )
        """,
        ([landed.lake_key for landed in pages],),
    )
    removed = cur.rowcount
    cur.execute(
        """
        insert into raw.quarantine as q (lake_key, position, reason, content)
        select lake_key, position, reason, content from staged_quarantine
        on conflict (lake_key, position) do update
        set reason = excluded.reason, content = excluded.content
        where (q.reason, q.content) is distinct from (excluded.reason, excluded.content)
        """
    )
    return removed + cur.rowcount > 0


def _take_version(cur: Cursor, new: int, days: set[tuple[str, date]], ids: set[tuple[Kind, str]]) -> None:
    cur.execute("update ops.raw_version set version = version + 1, play_count = play_count + %s", (new,))
    users, dates = zip(*days, strict=True) if days else ((), ())
    cur.execute(
        """
        insert into ops.changed_days (version, user_id, utc_date)
        select v.version, d.user_id, d.utc_date
        from ops.raw_version as v, unnest(%s::text[], %s::date[]) as d (user_id, utc_date)
        """,
        (list(users), list(dates)),
    )
    kinds, changed = zip(*ids, strict=True) if ids else ((), ())
    cur.execute(
        """
        insert into ops.changed_ids (version, kind, id)
        select v.version, i.kind, i.id
        from ops.raw_version as v, unnest(%s::text[], %s::text[]) as i (kind, id)
        """,
        (list(kinds), list(changed)),
    )


def _note_as_loaded(cur: Cursor, pages: list[_LandedPage]) -> None:
    columns = [
        ("lake_key", "text"),
        ("user_id", "text"),
        ("fetched_at", "timestamptz"),
        ("rows_read", "integer"),
        ("rows_quarantined", "integer"),
        ("first_played_at", "timestamptz"),
        ("last_played_at", "timestamptz"),
    ]
    copy_rows(cur, "staged_objects", columns, map(_object_row, pages))
    cur.execute(
        """
        insert into ops.landed_objects as o (
            lake_key, dataset, user_id, fetched_at, loaded_version,
            rows_read, rows_quarantined, first_played_at, last_played_at
        )
        select
            s.lake_key, %s, s.user_id, s.fetched_at, v.version,
            s.rows_read, s.rows_quarantined, s.first_played_at, s.last_played_at
        from staged_objects as s, ops.raw_version as v
        on conflict (lake_key) do update
        set loaded_version = excluded.loaded_version,
            rows_read = excluded.rows_read,
            rows_quarantined = excluded.rows_quarantined,
            first_played_at = excluded.first_played_at,
            last_played_at = excluded.last_played_at
        """,
        (DATASET,),
    )


def _object_row(landed: _LandedPage) -> tuple[object, ...]:
    times = [play.played_at for play in landed.page.plays]
    return (
        landed.lake_key,
        landed.user_id,
        landed.fetched_at,
        len(times),
        len(_faults(landed)),
        min(times, default=None),
        max(times, default=None),
    )
