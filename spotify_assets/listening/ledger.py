"""What loads keep about landed pages: the ledger `ops.landed_objects`, and `raw.quarantine` for what can't be read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import psycopg

from spotify_assets.catalog.objects import Kind
from spotify_assets.listening.pages import Page
from spotify_assets.reading import Fault
from spotify_assets.storage.bulk import copy_rows

DATASET = "recently_played"

Cursor = psycopg.Cursor[tuple[object, ...]]


@dataclass(frozen=True)
class LandedPage:
    """A page with what its lake key says."""

    lake_key: str
    user_id: str
    fetched_at: datetime
    page: Page


def faults_of(landed: LandedPage) -> dict[str, Fault]:
    """The last fault at each position."""
    return {fault.position: fault for fault in landed.page.faults}


def replace_quarantine(cur: Cursor, pages: Sequence[LandedPage]) -> bool:
    """Makes the quarantine of these pages what was found now; returns whether that changed anything."""
    return replace_faults(cur, {page.lake_key: faults_of(page) for page in pages})


def replace_faults(cur: Cursor, found: Mapping[str, Mapping[str, Fault]]) -> bool:
    """The same for objects of any kind: by lake key, what was found at each position."""
    rows = [(key, at, fault.reason, fault.content) for key, faults in found.items() for at, fault in faults.items()]
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
        (list(found),),
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


def note_polled_spans(cur: Cursor, pages: Sequence[LandedPage]) -> None:
    """Adds what these pages prove: all plays from the oldest on a page to the moment of asking. No page, no proof.

    Nor does a page prove anything further back than a row that can't be read.

    Takes no version of `raw`, so that a quiet poll needs no build: what shows it are views.
    """
    spans = [
        (landed.user_id, landed.page.complete_from, max(landed.fetched_at, landed.page.complete_from))
        for landed in pages
        if landed.page.complete_from
    ]
    columns = [("user_id", "text"), ("starts_at", "timestamptz"), ("ends_at", "timestamptz")]
    copy_rows(cur, "staged_spans", columns, spans)
    cur.execute(
        """
        insert into raw.polled_spans as p (user_id, spans)
        select user_id, range_agg(tstzrange(starts_at, ends_at, '[]'))
        from staged_spans
        group by user_id
        on conflict (user_id) do update
        set spans = p.spans + excluded.spans
        where not excluded.spans <@ p.spans
        """
    )


def note_as_loaded(cur: Cursor, pages: Sequence[LandedPage]) -> None:
    """Writes into the ledger that these pages are loaded, at the present version of `raw`."""
    note_objects(cur, DATASET, map(_object_row, pages))


def note_objects(cur: Cursor, dataset: str, rows: Iterable[Sequence[object]]) -> None:
    """The same for objects of any dataset: (lake key, listener, fetch time, rows read, faults, first and last time)."""
    columns = [
        ("lake_key", "text"),
        ("user_id", "text"),
        ("fetched_at", "timestamptz"),
        ("rows_read", "integer"),
        ("rows_quarantined", "integer"),
        ("first_played_at", "timestamptz"),
        ("last_played_at", "timestamptz"),
    ]
    copy_rows(cur, "staged_objects", columns, rows)
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
        (dataset,),
    )


def _object_row(landed: LandedPage) -> tuple[object, ...]:
    times = [play.played_at for play in landed.page.plays]
    return (
        landed.lake_key,
        landed.user_id,
        landed.fetched_at,
        len(times),
        len(faults_of(landed)),
        min(times, default=None),
        max(times, default=None),
    )


def take_version(
    cur: Cursor,
    *,
    plays: int = 0,
    streams: int = 0,
    days: Collection[tuple[str, date]] = (),
    ids: Collection[tuple[Kind, str]] = (),
) -> None:
    """Takes the next version of `raw`, and notes what it changed: listeners' UTC days and ids.

    `plays` and `streams` are by how many rows `raw.plays` and `raw.streams` grew.
    """
    cur.execute(
        """
        update ops.raw_version
        set version = version + 1,
            play_count = play_count + %s,
            stream_count = stream_count + %s
        """,
        (plays, streams),
    )
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
