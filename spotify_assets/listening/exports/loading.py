"""Landed exports into Postgres: read from the lake, `COPY`, one transaction for each object.

A file that isn't there yet goes straight into `raw.streams`; one that is there is staged, and what differs is replaced.
So loading twice changes nothing, a new parser's rows replace the old one's, and any order gives the same rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Self

from psycopg import sql

from spotify_assets.errors import LakeUnavailable
from spotify_assets.listening.exports.manifest import DATASET, ExportMember, export_hash, is_manifest, read_manifest
from spotify_assets.listening.exports.recognition import kind_of
from spotify_assets.listening.exports.rows import COLUMNS, FileRows, TrackNames
from spotify_assets.reading import Fault
from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.lake import Lake, LakeCorrupt, LakeKey, parse_key
from spotify_assets.storage.ledger import Cursor, note_objects, replace_faults, take_version
from spotify_assets.storage.warehouse import Warehouse

Days = set[tuple[str, date]]
_TRACK = "spotify:track:"
_NAMES = ["user_id", "file_hash", "file_row", *COLUMNS]
_LINES = sql.SQL("copy {} ({}) from stdin with (format text, null '')")
_WORTH_STATISTICS = 10_000


@dataclass
class Loaded:
    """What loads did. `rows_read` are those in the files, `rows_kept` those of them that are streams now."""

    files: int = 0
    files_new: int = 0
    rows_read: int = 0
    rows_kept: int = 0
    rows_changed: int = 0
    """Rows of `raw.streams` that came or went."""
    quarantined: int = 0
    unreadable: list[str] = field(default_factory=list)
    """The lake keys of objects that the lake can't give back as they were landed."""

    def __iadd__(self, other: "Loaded") -> Self:
        self.files += other.files
        self.files_new += other.files_new
        self.rows_read += other.rows_read
        self.rows_kept += other.rows_kept
        self.rows_changed += other.rows_changed
        self.quarantined += other.quarantined
        self.unreadable += other.unreadable
        return self


def load_keys(warehouse: Warehouse, lake: Lake, keys: Iterable[str], told: Callable[[], None] = lambda: None) -> Loaded:
    """Loads landed objects of the dataset one after the other; `told` is called behind each.

    Raises `LakeUnavailable` or `WarehouseUnavailable`; what was committed before then stays and is right.
    """
    loaded = Loaded()
    for key in keys:
        loaded += load_object(warehouse, lake, key)
        told()
    note_statistics(warehouse, loaded)
    return loaded


def load_object(warehouse: Warehouse, lake: Lake, key: str) -> Loaded:
    """Loads a landed file, or a manifest. One that can't be read goes to quarantine."""
    landed = parse_key(key)
    problem, payload = "", b""
    try:
        payload = lake.get(key)
    except LakeCorrupt as damaged:
        problem = str(damaged)
    except KeyError:
        raise LakeUnavailable(f"The lake's object {key} is gone; restore it from a backup, and run again.") from None
    user_id = landed.user_id or ""
    kind = kind_of(payload, "")
    with warehouse.connect() as connection, connection.cursor() as cur:
        cur.execute("select version from ops.raw_version for update")
        if problem:
            return _load_unreadable(cur, key, landed, problem)
        if is_manifest(payload):
            members, faults = read_manifest(payload)
            return _load_manifest(cur, key, landed, user_id, members, faults)
        return _load_file(cur, key, landed, FileRows(payload, kind or "extended", user_id, landed.digest))


def note_statistics(warehouse: Warehouse, loaded: Loaded) -> None:
    """Lets Postgres look at the tables that a large load filled: the build comes at once, autovacuum a minute later."""
    if loaded.rows_changed >= _WORTH_STATISTICS:
        with warehouse.connect() as connection:
            connection.execute("analyze raw.streams, raw.export_tracks, ops.changed_days")


def _load_unreadable(cur: Cursor, key: str, landed: LakeKey, problem: str) -> Loaded:
    if replace_faults(cur, {key: {"": Fault("", problem, "")}}):
        take_version(cur)
    note_objects(cur, DATASET, [(key, landed.user_id, landed.fetched_at, 0, 1, None, None)])
    return Loaded(quarantined=1, unreadable=[key])


def _load_manifest(
    cur: Cursor, key: str, landed: LakeKey, user_id: str, members: list[ExportMember], faults: list[Fault]
) -> Loaded:
    by_position = {fault.position: fault for fault in faults}
    changed = replace_faults(cur, {key: by_position})
    export = export_hash(member.file_hash for member in members)
    rows = [(user_id, export, member.file_hash, member.name) for member in members]
    columns = [(name, "text") for name in ("user_id", "export_hash", "file_hash", "name")]
    copy_rows(cur, "staged_members", columns, rows)
    days = _days(cur, _DAYS_OF_NEW_VIDEOS)
    cur.execute("insert into raw.export_members select * from staged_members on conflict do nothing")
    if cur.rowcount or changed:
        take_version(cur, days=days)
    note_objects(cur, DATASET, [(key, user_id, landed.fetched_at, len(rows), len(by_position), None, None)])
    return Loaded(quarantined=len(by_position))


# A file is one of videos when any export names it so: the days of its streams, where that is new.
_DAYS_OF_NEW_VIDEOS = """
    with named as (
        select user_id, file_hash
        from staged_members
        where name ilike '%video%'
        except
        select user_id, file_hash
        from raw.export_members
        where name ilike '%video%'
    )
    select distinct s.user_id, (s.ts at time zone 'UTC')::date
    from named
    inner join raw.streams as s using (user_id, file_hash)
"""


def _load_file(cur: Cursor, key: str, landed: LakeKey, rows: FileRows) -> Loaded:
    before = cur.execute(
        """
        select kind, rows_read, first_ts, last_ts, lake_key
        from raw.export_files
        where user_id = %s and file_hash = %s
        """,
        (rows.user_id, rows.file_hash),
    ).fetchone()
    if before is None:
        _copy(cur, "raw.streams", rows)
        came, went, renamed = rows.rows_kept, 0, set[str]()
        days = {(rows.user_id, date.fromisoformat(day)) for day in rows.days}
    else:
        came, went, days, renamed = _replace(cur, rows)
    faults = {fault.position: fault for fault in rows.faults}
    quarantine_changed = replace_faults(cur, {key: faults})
    ids = renamed | _name_tracks(cur, rows.tracks)
    first, last = _at(rows.first), _at(rows.last)
    smallest = min(key, str(before[4])) if before else key
    after = (rows.kind, rows.rows_read, first, last, smallest)
    if after != before:
        cur.execute(_PUT_FILE, (rows.user_id, rows.file_hash, *after))
    if rows.kind == "extended" and (days or after[:4] != (before or ())[:4]):
        spans = [at for at in (first, last, *(before[2:4] if before else ())) if isinstance(at, datetime)]
        if spans:
            days |= _days(cur, _DAYS_IN_A_SPAN, {"user": rows.user_id, "first": min(spans), "last": max(spans)})
    if days or ids or quarantine_changed or after != before:
        take_version(cur, streams=came - went, days=days, ids={("track", track_id) for track_id in ids})
    note_objects(cur, DATASET, [(key, rows.user_id, landed.fetched_at, rows.rows_read, len(faults), first, last)])
    return Loaded(
        files=1,
        files_new=int(before is None),
        rows_read=rows.rows_read,
        rows_kept=rows.rows_kept,
        rows_changed=came + went,
        quarantined=len(faults),
    )


_PUT_FILE = """
    insert into raw.export_files (user_id, file_hash, kind, rows_read, first_ts, last_ts, lake_key)
    values (%s, %s, %s, %s, %s, %s, %s)
    on conflict (user_id, file_hash) do update
    set kind = excluded.kind,
        rows_read = excluded.rows_read,
        first_ts = excluded.first_ts,
        last_ts = excluded.last_ts,
        lake_key = excluded.lake_key
"""

# An extended history decides about the account data and the polled plays of its span, a minute of skew included.
_DAYS_IN_A_SPAN = """
    with found as (
        select s.ts as ended_at
        from raw.export_files as f
        cross join lateral (
            select ts
            from raw.streams
            where user_id = f.user_id and file_hash = f.file_hash
        ) as s
        where f.user_id = %(user)s
            and f.kind = 'account_data'
            and s.ts between %(first)s - interval '1 minute' and %(last)s + interval '1 minute'
        union all
        select played_at
        from raw.plays
        where user_id = %(user)s
            and played_at between %(first)s - interval '1 minute' and %(last)s + interval '1 minute'
    )
    select distinct %(user)s, (ended_at at time zone 'UTC')::date from found
"""


def _copy(cur: Cursor, table: str, rows: FileRows) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, _NAMES))
    with cur.copy(_LINES.format(sql.Identifier(*table.split(".")), columns)) as copy:
        for block in rows.blocks():
            copy.write(block)


def _replace(cur: Cursor, rows: FileRows) -> tuple[int, int, Days, set[str]]:
    """Makes the file's rows those that were read now.

    Returns how many came, how many went, their days, and the ids of tracks that may have lost their newest name.
    """
    cur.execute("drop table if exists pg_temp.staged_streams")
    cur.execute("create temporary table staged_streams (like raw.streams) on commit drop")
    _copy(cur, "staged_streams", rows)
    cur.execute("analyze staged_streams")
    whose = {"user": rows.user_id, "file": rows.file_hash}
    cur.execute(_GONE, whose)
    gone = cur.fetchall()
    cur.execute(_COME, whose)
    come = cur.fetchall()
    uris = {str(uri) for _, uri in gone if str(uri).startswith(_TRACK)}
    if uris:
        cur.execute("delete from raw.export_tracks where track_id = any(%s)", ([_id(uri) for uri in uris],))
        cur.execute(_NAMES_LEFT, (list(uris),))
    days = {(rows.user_id, day) for day, _ in [*gone, *come] if isinstance(day, date)}
    return len(come), len(gone), days, set(map(_id, uris))


_SAME = " and ".join(f"s.{name} is not distinct from t.{name}" for name in COLUMNS)
_GONE = f"""
    delete from raw.streams as t
    where t.user_id = %(user)s
        and t.file_hash = %(file)s
        and not exists (select from staged_streams as s where s.file_row = t.file_row and {_SAME})
    returning (t.ts at time zone 'UTC')::date, t.track_uri
"""
_COME = f"""
    insert into raw.streams as t ({", ".join(_NAMES)})
    select {", ".join(_NAMES)}
    from staged_streams as s
    where not exists (
        select
        from raw.streams as t
        where t.user_id = %(user)s and t.file_hash = %(file)s and t.file_row = s.file_row
    )
    returning (t.ts at time zone 'UTC')::date, t.track_uri
"""


# What the streams that are left call a track: nothing is indexed for this, since rows go only with a new parser.
_NAMES_LEFT = """
    insert into raw.export_tracks (track_id, track_name, album_artist_name, album_name, named_at)
    select distinct on (track_uri) substr(track_uri, 15), track_name, album_artist_name, album_name, ts
    from raw.streams
    where track_uri = any(%s) and track_name is not null
    order by
        track_uri,
        ts desc,
        track_name collate "C" desc,
        coalesce(album_artist_name, '') collate "C" desc,
        coalesce(album_name, '') collate "C" desc
"""


def _id(uri: str) -> str:
    return uri.removeprefix(_TRACK)


def _name_tracks(cur: Cursor, tracks: dict[str, TrackNames]) -> set[str]:
    """The newest stream's names win, of equally new ones the larger; returns the ids whose names changed."""
    columns = [
        ("track_id", "text"),
        ("track_name", "text"),
        ("album_artist_name", "text"),
        ("album_name", "text"),
        ("named_at", "timestamptz(0)"),
    ]
    staged = (
        (_id(uri), name, artist or None, album or None, ended_at)
        for uri, (ended_at, name, artist, album) in tracks.items()
    )
    copy_rows(cur, "staged_names", columns, staged)
    cur.execute(_NEWER_NAMES)
    return {str(track_id) for (track_id,) in cur.fetchall()}


_NEWER_NAMES = """
    insert into raw.export_tracks as t (track_id, track_name, album_artist_name, album_name, named_at)
    select track_id, track_name, album_artist_name, album_name, named_at
    from staged_names
    on conflict (track_id) do update
    set track_name = excluded.track_name,
        album_artist_name = excluded.album_artist_name,
        album_name = excluded.album_name,
        named_at = excluded.named_at
    where (
        excluded.named_at,
        excluded.track_name collate "C",
        coalesce(excluded.album_artist_name, '') collate "C",
        coalesce(excluded.album_name, '') collate "C"
    ) > (
        t.named_at,
        t.track_name collate "C",
        coalesce(t.album_artist_name, '') collate "C",
        coalesce(t.album_name, '') collate "C"
    )
    returning track_id
"""


def _days(cur: Cursor, query: str, parameters: dict[str, object] | None = None) -> Days:
    cur.execute(query.encode(), parameters)
    return {(str(user_id), day) for user_id, day in cur.fetchall() if isinstance(day, date)}


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
