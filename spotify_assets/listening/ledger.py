"""What loads keep about landed pages of recently-played: their quarantine, what they prove, and the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from spotify_assets.listening.pages import Page
from spotify_assets.reading import Fault
from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.ledger import Cursor, note_objects, replace_faults

DATASET = "recently_played"


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


def note_polled_spans(cur: Cursor, pages: Sequence[LandedPage]) -> bool:
    """Adds what these pages prove: all plays from the oldest on a page to the moment of asking. No page, no proof.

    Nor does a page prove anything further back than a row that can't be read. Returns whether anything new is proved.
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
    return cur.rowcount > 0


def note_as_loaded(cur: Cursor, pages: Sequence[LandedPage]) -> None:
    """Writes into the ledger that these pages are loaded, at the present version of `raw`."""
    note_objects(cur, DATASET, map(_object_row, pages))


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
