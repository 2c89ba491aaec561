"""What loads keep about landed pages: the ledger `ops.landed_objects`, and `raw.quarantine` for what can't be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

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
    """Makes the quarantine of these objects what was found now; returns whether that changed anything."""
    rows = [(p.lake_key, at, fault.reason, fault.content) for p in pages for at, fault in faults_of(p).items()]
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


def note_polled_spans(cur: Cursor, pages: Sequence[LandedPage]) -> None:
    """Adds what these pages prove: all plays from the oldest on a page to the moment of asking. No page, no proof.

    Takes no version of `raw`, so that a quiet poll needs no build: what shows it are views.
    """
    spans = [
        (landed.user_id, min(times), max(landed.fetched_at, *times))
        for landed in pages
        if (times := [play.played_at for play in landed.page.plays])
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
