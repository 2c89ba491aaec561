"""Landed pages of recently-played into Postgres: read from the lake, `COPY`, one upsert, in one transaction.

Loads run one after the other (each holds the row of `ops.raw_version`), so two of them can't interleave. Loading an
object twice, or objects in any order, gives the same rows of `raw`. A load that changes a row of `raw` takes the next
version and notes what it changed, which is what the models rebuild.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from spotify_assets.catalog.loading import Sighting, load_versions
from spotify_assets.listening.ledger import (
    LandedPage,
    faults_of,
    note_as_loaded,
    note_polled_spans,
    replace_quarantine,
)
from spotify_assets.listening.pages import Page, read_page, unreadable_page
from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.lake import Lake, LakeCorrupt, parse_key
from spotify_assets.storage.landed import in_batches
from spotify_assets.storage.ledger import Cursor, take_version
from spotify_assets.storage.warehouse import Warehouse

OBJECTS_A_TRANSACTION = 500


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


def load_objects(warehouse: Warehouse, lake: Lake, keys: Sequence[str]) -> Loaded:
    """Loads landed pages, 500 a transaction. An object that can't be read goes to quarantine, the others load.

    Raises `LakeUnavailable` or `WarehouseUnavailable`; what was committed before then stays and is right.
    """
    loaded = Loaded()
    for batch in in_batches(keys, OBJECTS_A_TRANSACTION):
        pages = list(_read(lake, batch))
        with warehouse.connect() as connection, connection.cursor() as cur:
            loaded += _load(cur, pages)
    return loaded


def _read(lake: Lake, keys: Sequence[str]) -> Iterator[LandedPage]:
    known: dict[str, Page] = {}  # while nothing is played, page after page is the same
    for key, payload in lake.get_many(keys):
        parsed = parse_key(key)
        if isinstance(payload, LakeCorrupt):
            page = unreadable_page(str(payload))
        else:
            page = known[parsed.digest] = known.get(parsed.digest) or read_page(payload)
        yield LandedPage(key, parsed.user_id or "", parsed.fetched_at, page)


def _load(cur: Cursor, pages: list[LandedPage]) -> Loaded:
    telling = _first_and_last_of_the_same(pages)
    copy_rows(cur, "staged_plays", _STAGED_PLAYS, _play_rows(telling))
    cur.execute("select version from ops.raw_version for update")
    new, changed, days = _upsert_plays(cur)
    ids = load_versions(cur, _sightings(telling))
    more_proved = note_polled_spans(cur, pages)
    quarantine_changed = replace_quarantine(cur, pages)
    if days or ids or more_proved or quarantine_changed:
        take_version(cur, plays=new.total(), days=days, ids=ids)
    note_as_loaded(cur, pages)
    times = [play.played_at for landed in pages for play in landed.page.plays]
    return Loaded(
        objects=len(pages),
        plays_read=len(times),
        new=new,
        plays_changed=changed,
        quarantined=sum(len(faults_of(landed)) for landed in pages),
        first_played_at=min(times, default=None),
        last_played_at=max(times, default=None),
    )


def _first_and_last_of_the_same(pages: Iterable[LandedPage]) -> list[LandedPage]:
    """Of a listener's pages that say the same, those that were fetched first and last: others between add nothing."""
    firsts: dict[tuple[str, int], LandedPage] = {}
    lasts: dict[tuple[str, int], LandedPage] = {}
    for landed in sorted(pages, key=lambda landed: (landed.fetched_at, landed.lake_key)):
        same = (landed.user_id, id(landed.page))
        firsts.setdefault(same, landed)
        lasts[same] = landed
    return [*firsts.values(), *(landed for same, landed in lasts.items() if landed is not firsts[same])]


_STAGED_PLAYS = [
    ("user_id", "text"),
    ("played_at", "timestamptz(3)"),
    ("track_id", "text"),
    ("context_type", "text"),
    ("context_uri", "text"),
    ("fetched_at", "timestamptz"),
    ("lake_key", "text"),
]


def _play_rows(pages: Iterable[LandedPage]) -> Iterator[tuple[object, ...]]:
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


def _sightings(pages: Iterable[LandedPage]) -> Iterator[Sighting]:
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
