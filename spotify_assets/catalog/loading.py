"""Versions of tracks, albums and artists into Postgres, so that any order of loading gives the same rows.

`raw.<kind>_versions` keeps each content once, with the first fetch time that said it; `ops.version_sightings` keeps the
last. The current row, `raw.<kind>s`, takes each column from the version seen last that has it: the newest fetch time
wins whatever is loaded last, and an absent field never erases a known one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from spotify_assets.catalog.objects import COLUMNS, HAS_ARTISTS, Kind, Version
from spotify_assets.storage.bulk import copy_rows


@dataclass(frozen=True)
class Sighting:
    """A version as one landed object reported it; `fetched_at` in UTC."""

    version: Version
    fetched_at: datetime
    lake_key: str


def load_versions(cur: "psycopg.Cursor[tuple[object, ...]]", sightings: Iterable[Sighting]) -> set[tuple[Kind, str]]:
    """Upserts the versions and the current rows in the caller's transaction; returns the (kind, id) that changed."""
    by_kind: dict[Kind, list[Sighting]] = {kind: [] for kind in COLUMNS}
    for sighting in sightings:
        by_kind[sighting.version.kind].append(sighting)
    return {(kind, id_) for kind, found in by_kind.items() if found for id_ in _load_kind(cur, kind, found)}


def _load_kind(cur: "psycopg.Cursor[tuple[object, ...]]", kind: Kind, found: list[Sighting]) -> set[str]:
    staged = f"staged_{kind}_versions"
    columns = [
        ("id", "text"),
        ("content_hash", "text"),
        ("fetched_at", "timestamptz"),
        ("lake_key", "text"),
        *COLUMNS[kind],
        *([("artist_ids", "text[]")] if kind in HAS_ARTISTS else []),
    ]
    copy_rows(cur, staged, columns, (_row(sighting) for sighting in found))
    changed: set[str] = set()
    for statement in _statements(kind, staged):
        cur.execute(statement)
        changed.update(str(row[0]) for row in cur.fetchall())
    return changed


def _row(sighting: Sighting) -> tuple[object, ...]:
    version = sighting.version
    row = (version.id, version.content_hash, sighting.fetched_at, sighting.lake_key, *version.values)
    if version.kind not in HAS_ARTISTS:
        return row
    return (*row, None if version.artist_ids is None else list(version.artist_ids))


def _statements(kind: Kind, staged: str) -> list[Composed]:
    """Each statement returns the ids whose rows in `raw` it changed."""
    names = [name for name, _ in COLUMNS[kind]]
    versioned = [*names, *(["artist_ids"] if kind in HAS_ARTISTS else [])]
    parts = {
        "staged": Identifier(staged),
        "kind": Literal(kind),
        "id": Identifier(f"{kind}_id"),
        "versions": Identifier("raw", f"{kind}_versions"),
        "current": Identifier("raw", f"{kind}s"),
        "artists": Identifier("raw", f"{kind}_artists"),
        "versioned": SQL(", ").join(map(Identifier, versioned)),
        "names": SQL(", ").join(map(Identifier, names)),
        "latest": SQL(", ").join(SQL(_LATEST).format(Identifier(name)) for name in names),
        "taken": SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(name)) for name in names),
        "was": SQL(", ").join(SQL("c.{}").format(Identifier(name)) for name in names),
        "said": SQL(", ").join(SQL("excluded.{}").format(Identifier(name)) for name in names),
    }
    statements = [_VERSIONS, _SIGHTINGS, _CURRENT, *([_ARTISTS] if kind in HAS_ARTISTS else [])]
    return [SQL(statement).format(**parts) for statement in statements]


_LATEST = """
    (array_agg(v.{0} order by s.last_fetched_at desc, v.content_hash) filter (where v.{0} is not null))[1]
"""

_VERSIONS = """
    insert into {versions} as v ({id}, content_hash, valid_from, lake_key, {versioned})
    select id, content_hash, min(fetched_at), min(lake_key collate "C"), {versioned}
    from {staged}
    group by id, content_hash, {versioned}
    on conflict ({id}, content_hash) do update
    set valid_from = least(v.valid_from, excluded.valid_from),
        lake_key = least(v.lake_key collate "C", excluded.lake_key collate "C")
    where excluded.valid_from < v.valid_from or excluded.lake_key collate "C" < v.lake_key collate "C"
    returning {id}
"""

# Never a change of `raw`, hence no id is returned.
_SIGHTINGS = """
    with seen as (
        insert into ops.version_sightings as s (kind, id, content_hash, last_fetched_at)
        select {kind}, id, content_hash, max(fetched_at)
        from {staged}
        group by id, content_hash
        on conflict (kind, id, content_hash) do update
        set last_fetched_at = excluded.last_fetched_at
        where excluded.last_fetched_at > s.last_fetched_at
        returning id
    )
    select id from seen where false
"""

_CURRENT = """
    insert into {current} as c ({id}, {names})
    select v.{id}, {latest}
    from {versions} as v
    inner join ops.version_sightings as s
        on s.kind = {kind} and s.id = v.{id} and s.content_hash = v.content_hash
    where v.{id} in (select id from {staged})
    group by v.{id}
    on conflict ({id}) do update
    set {taken}
    where ({was}) is distinct from ({said})
    returning {id}
"""

_ARTISTS = """
    with latest as (
        select v.{id} as id,
            (array_agg(to_jsonb(v.artist_ids) order by s.last_fetched_at desc, v.content_hash)
                filter (where v.artist_ids is not null))[1] as artist_ids
        from {versions} as v
        inner join ops.version_sightings as s
            on s.kind = {kind} and s.id = v.{id} and s.content_hash = v.content_hash
        where v.{id} in (select id from {staged})
        group by v.{id}
    ),
    wanted as (
        select latest.id, artist.position, artist.artist_id
        from latest
        cross join lateral jsonb_array_elements_text(latest.artist_ids) with ordinality as artist (artist_id, position)
    ),
    dropped as (
        delete from {artists} as a
        using latest
        where a.{id} = latest.id
            and latest.artist_ids is not null
            and a.position > jsonb_array_length(latest.artist_ids)
        returning a.{id}
    ),
    put as (
        insert into {artists} as a ({id}, position, artist_id)
        select id, position, artist_id from wanted
        on conflict ({id}, position) do update
        set artist_id = excluded.artist_id
        where a.artist_id <> excluded.artist_id
        returning {id}
    )
    select {id} from dropped union select {id} from put
"""
