"""Landed pages of charts into `raw.chart_entries`: in any order of loading, a date's newest page wins as a whole."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spotify_assets.catalog.loading import Sighting, load_versions
from spotify_assets.charts.pages import ChartPage, PageChanged, read_chart
from spotify_assets.reading import Fault, excerpt
from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.lake import Lake, LakeCorrupt, parse_key
from spotify_assets.storage.landed import in_batches
from spotify_assets.storage.ledger import Cursor, note_objects, replace_faults, take_version
from spotify_assets.storage.warehouse import Warehouse

DATASET = "charts"
_A_TRANSACTION = 200


@dataclass(frozen=True)
class LoadedCharts:
    """What a load did: pages read and the last of them, sentences of those that could not be read, entries changed."""

    pages: int = 0
    last: ChartPage | None = None
    faults: tuple[str, ...] = ()
    entries_changed: int = 0

    def __add__(self, other: "LoadedCharts") -> "LoadedCharts":
        return LoadedCharts(
            self.pages + other.pages,
            other.last or self.last,
            (*self.faults, *other.faults),
            self.entries_changed + other.entries_changed,
        )


@dataclass(frozen=True)
class _Landed:
    lake_key: str
    page: ChartPage | None
    faults: tuple[Fault, ...]


def load_charts(warehouse: Warehouse, lake: Lake, keys: Sequence[str]) -> LoadedCharts:
    """Loads landed pages. One that can't be read goes to quarantine, the others load.

    Raises `LakeUnavailable` or `WarehouseUnavailable`; what was committed before then stays and is right.
    """
    loaded = LoadedCharts()
    for batch in in_batches(keys, _A_TRANSACTION):
        landed = list(_read(lake, batch))
        with warehouse.connect() as connection, connection.cursor() as cur:
            loaded += _load(cur, landed)
    return loaded


def _read(lake: Lake, keys: Sequence[str]) -> Iterator[_Landed]:
    for key, payload in lake.get_many(keys):
        if isinstance(payload, LakeCorrupt):
            yield _Landed(key, None, (Fault("", str(payload), ""),))
            continue
        try:
            page = read_chart(payload, parse_key(key).fetched_at)
        except PageChanged as changed:
            fault = Fault("", str(changed), excerpt(payload[:1000].decode("latin-1")))
            yield _Landed(key, None, (fault,))
        else:
            yield _Landed(key, page, page.faults)


def _load(cur: Cursor, landed: Sequence[_Landed]) -> LoadedCharts:
    read = [(each.lake_key, each.page) for each in landed if each.page]
    cur.execute("select version from ops.raw_version for update")
    copy_rows(cur, "staged_entries", _COLUMNS, _rows(read))
    cur.execute(_OLDER_PAGES)
    series = [f"{source} {chart}" for statement in (_GONE, _ENTRIES) for source, chart in cur.execute(statement)]
    copy_rows(cur, "staged_pages", _PAGE_COLUMNS, _page_rows(read))
    cur.execute(_PAGES)
    sightings = [
        Sighting(version, parse_key(key).fetched_at, key)
        for key, page in read
        for version in page.catalogue.versions.values()
    ]
    ids = load_versions(cur, sightings)
    faults = {each.lake_key: {fault.position: fault for fault in each.faults} for each in landed}
    if replace_faults(cur, faults) or series or ids:
        take_version(cur, ids=[*ids, *(("chart", name) for name in set(series))])
    note_objects(cur, DATASET, (_object_row(each) for each in landed))
    last = read[-1][1] if read else None
    unreadable = tuple(fault.reason for each in landed if each.page is None for fault in each.faults)
    return LoadedCharts(len(read), last, unreadable, len(series))


_COLUMNS = [
    ("source", "text"),
    ("chart", "text"),
    ("chart_date", "date"),
    ("position", "smallint"),
    ("date_is_fetch_day", "boolean"),
    ("track_id", "text"),
    ("source_id", "text"),
    ("title", "text"),
    ("artists", "text"),
    ("artist_ids", "text[]"),
    ("streams", "bigint"),
    ("lake_key", "text"),
]


def _rows(read: Iterable[tuple[str, ChartPage]]) -> Iterator[tuple[object, ...]]:
    """Of the pages of one date in this load, the newest only."""
    newest = {(page.source, page.chart, page.chart_date): (key, page) for key, page in sorted(read, key=_by_key)}
    for key, page in newest.values():
        for entry in page.entries:
            yield (
                page.source,
                page.chart,
                page.chart_date,
                entry.position,
                page.date_is_fetch_day,
                entry.track_id,
                entry.source_id,
                entry.title,
                entry.artists,
                list(entry.artist_ids),
                entry.streams,
                key,
            )


def _by_key(read: tuple[str, ChartPage]) -> str:
    return read[0]


# Behind the dataset, which they share, keys go on with the date and time of fetching, so they sort as the pages came.
_OLDER_PAGES = """
    delete from staged_entries as s
    using ops.chart_pages as p
    where (p.source, p.chart, p.chart_date) = (s.source, s.chart, s.chart_date)
        and p.lake_key collate "C" > s.lake_key collate "C"
"""

_GONE = """
    delete from raw.chart_entries as c
    using (select distinct source, chart, chart_date from staged_entries) as s
    where (c.source, c.chart, c.chart_date) = (s.source, s.chart, s.chart_date)
        and not exists (
            select
            from staged_entries as e
            where (e.source, e.chart, e.chart_date, e.position) = (c.source, c.chart, c.chart_date, c.position)
        )
    returning c.source, c.chart
"""

# A page that says again what is known changes nothing.
_ENTRIES = """
    insert into raw.chart_entries as c (
        source, chart, chart_date, position, date_is_fetch_day, track_id, source_id, title, artists, artist_ids, streams
    )
    select
        source, chart, chart_date, position, date_is_fetch_day, track_id, source_id, title, artists, artist_ids, streams
    from staged_entries
    on conflict (source, chart, chart_date, position) do update
    set date_is_fetch_day = excluded.date_is_fetch_day,
        track_id = excluded.track_id,
        source_id = excluded.source_id,
        title = excluded.title,
        artists = excluded.artists,
        artist_ids = excluded.artist_ids,
        streams = excluded.streams
    where c is distinct from excluded
    returning c.source, c.chart
"""

_PAGE_COLUMNS = [
    ("lake_key", "text"),
    ("source", "text"),
    ("chart", "text"),
    ("chart_date", "date"),
    ("fetched_at", "timestamptz"),
]


def _page_rows(read: Iterable[tuple[str, ChartPage]]) -> Iterator[tuple[object, ...]]:
    for key, page in read:
        yield key, page.source, page.chart, page.chart_date, parse_key(key).fetched_at


_PAGES = """
    insert into ops.chart_pages (lake_key, source, chart, chart_date, fetched_at)
    select lake_key, source, chart, chart_date, fetched_at
    from staged_pages
    on conflict (lake_key) do nothing
"""


def _object_row(landed: _Landed) -> tuple[object, ...]:
    rows = len(landed.page.entries) if landed.page else 0
    return landed.lake_key, None, parse_key(landed.lake_key).fetched_at, rows, len(landed.faults), None, None
