"""What an export holds, as the warehouse knows it: the numbers behind the report of an import.

Every row that was read is one of these: in quarantine, a repetition of another row of the same export, known before,
or a new stream. Rows repeat each other when listener, `ts`, URI (none counts as one) and `ms_played` are the same; in
account data, which has no URIs, the names stand for them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from spotify_assets.storage.warehouse import Warehouse

COUNTED_MS = 30_000
"""A stream counts as played from half a minute on."""


@dataclass(frozen=True)
class Summary:
    """Counts of rows; times are UTC, and hours are those of distinct streams, known ones included."""

    files: int
    rows_read: int
    quarantined: int
    """Whole rows that could not be read."""
    fields_quarantined: int
    """Single fields of rows that loaded without them."""
    repeated: int
    known: int
    new: int
    hours: float
    first: datetime | None
    last: datetime | None
    reasons: list[tuple[str, int]]
    """Why, and how often, the most frequent first."""


def summary(warehouse: Warehouse, user_id: str, files: Collection[str], known_files: Collection[str]) -> Summary:
    """Counts for the files (by hash) of one export, of which `known_files` were loaded before."""
    whose = {"user": user_id, "files": list(files), "known": list(known_files)}
    with warehouse.connect() as connection:
        connection.execute("set local work_mem = '256MB'")
        rows_read, rows, distinct, known, hours, first, last = connection.execute(_COUNTS, whose).fetchone() or (0,) * 7
        quarantine = connection.execute(_QUARANTINE, whose).fetchall()
    whole = sum(count for _, is_whole, count in quarantine if is_whole)
    return Summary(
        files=len(set(files)),
        rows_read=rows_read,
        quarantined=whole,
        fields_quarantined=sum(count for *_, count in quarantine) - whole,
        repeated=rows - distinct,
        known=known,
        new=distinct - known,
        hours=float(hours),
        first=first,
        last=last,
        reasons=[(reason, count) for reason, _, count in quarantine],
    )


_KEYS = """
    select
        s.ts,
        s.ms_played,
        coalesce(s.track_uri, s.episode_uri, s.audiobook_chapter_uri, s.audiobook_uri, '') as uri,
        case when f.kind = 'account_data' then concat_ws(
            chr(31), s.album_artist_name, s.track_name, s.episode_show_name, s.episode_name
        ) else '' end as names
    from raw.streams as s
    inner join raw.export_files as f using (user_id, file_hash)
    where s.user_id = %(user)s
"""

# Where a file is new, a row of it is known when a file outside the export, or one known before, has it too.
_COUNTS = f"""
    with counted as (
        select k.*, count(*) as times
        from ({_KEYS} and s.file_hash = any(%(files)s)) as k
        group by ts, ms_played, uri, names
    ),
    elsewhere as (
        select distinct k.*
        from ({_KEYS} and (s.file_hash <> all(%(files)s) or s.file_hash = any(%(known)s))) as k
    )
    select
        (
            select coalesce(sum(rows_read), 0)::bigint
            from raw.export_files
            where user_id = %(user)s and file_hash = any(%(files)s)
        ),
        coalesce(sum(times), 0)::bigint,
        count(*),
        count(*) filter (where elsewhere.ts is not null),
        coalesce(sum(ms_played), 0) / 3600000.0,
        min(counted.ts),
        max(counted.ts)
    from counted
    left join elsewhere using (ts, ms_played, uri, names)
"""

_QUARANTINE = """
    select q.reason, q.position ~ '^/[0-9]+$' as is_whole, count(*)
    from raw.quarantine as q
    inner join raw.export_files as f on q.lake_key = f.lake_key
    where f.user_id = %(user)s and f.file_hash = any(%(files)s)
    group by 1, 2
    order by 3 desc, 1
"""


def most_played(warehouse: Warehouse, user_id: str, files: Collection[str], most: int = 5) -> list[tuple[str, int]]:
    """(title and artist, streams of half a minute and more) of the tracks, or episodes, played most in these files."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            """
            select
                concat_ws(
                    ' – ',
                    coalesce(max(track_name), max(episode_name), max(audiobook_chapter_title)),
                    coalesce(max(album_artist_name), max(episode_show_name), max(audiobook_title))
                ) as title,
                count(distinct (ts, ms_played)) as streams
            from raw.streams
            where user_id = %s
                and file_hash = any(%s)
                and ms_played >= %s
                and coalesce(track_name, episode_name, audiobook_chapter_title) is not null
            group by coalesce(
                track_uri, episode_uri, audiobook_chapter_uri, concat_ws(chr(31), album_artist_name, track_name)
            )
            order by streams desc, title
            limit %s
            """,
            (user_id, list(files), COUNTED_MS, most),
        ).fetchall()
    return [(str(title), int(streams)) for title, streams in rows]


def files_of(warehouse: Warehouse, user_id: str, export: str) -> list[str]:
    """The hashes of an export's files."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "select distinct file_hash from raw.export_members where user_id = %s and export_hash = %s order by 1",
            (user_id, export),
        ).fetchall()
    return [str(file_hash) for (file_hash,) in rows]


def loaded_files(warehouse: Warehouse, user_id: str) -> set[str]:
    """The hashes of all files that are loaded for a listener."""
    with warehouse.connect() as connection:
        rows = connection.execute("select file_hash from raw.export_files where user_id = %s", (user_id,)).fetchall()
    return {str(file_hash) for (file_hash,) in rows}
