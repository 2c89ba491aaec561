"""What loads of every dataset keep: the ledger `ops.landed_objects`, `raw.quarantine`, and the versions of `raw`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

import psycopg

from spotify_assets.reading import Fault
from spotify_assets.storage.bulk import copy_rows

Cursor = psycopg.Cursor[tuple[object, ...]]


def replace_faults(cur: Cursor, found: Mapping[str, Mapping[str, Fault]]) -> bool:
    """Makes the quarantine of these objects, by lake key, what was found now; returns whether that changed anything."""
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


def note_objects(cur: Cursor, dataset: str, rows: Iterable[Sequence[object]]) -> None:
    """Writes into the ledger that these objects are loaded, at the present version of `raw`.

    `rows`: (lake key, listener, fetch time, rows read, faults, first and last time of a play).
    """
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


def take_version(
    cur: Cursor,
    *,
    plays: int = 0,
    streams: int = 0,
    days: Collection[tuple[str, date]] = (),
    ids: Collection[tuple[str, str]] = (),
) -> None:
    """Takes the next version of `raw`, and notes what it changed: listeners' UTC days, and (kind, id).

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
