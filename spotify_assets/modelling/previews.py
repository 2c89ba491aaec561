"""What a person sees of a table in Dagster's UI: how many rows it has, and a few of them as Markdown. No Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from spotify_assets.markdown import markdown_table

_COUNTED_UP_TO = 200_000
_SEVERAL = "Not shown, because several listeners share this warehouse."

# Rows of a single listener; `%(user)s` is the only one.
_OF_A_LISTENER = {
    "fct_plays": """
        select played_at, track_name, main_artist_name, source
        from marts.fct_plays
        left join marts.dim_tracks using (track_id)
        where user_id = %(user)s
        order by played_at desc
        limit 10""",
    "top_tracks": """
        select rank, track_name, main_artist_name, plays, ms_listened_estimate
        from marts.top_tracks
        where user_id = %(user)s and period_kind = 'all_time'
        order by rank, last_played_at desc, track_id
        limit 10""",
    "top_artists": """
        select rank, artist_name, plays, ms_listened_estimate
        from marts.top_artists
        where user_id = %(user)s and period_kind = 'all_time'
        order by rank, last_played_at desc, artist_id
        limit 10""",
}
_OF_EVERYBODY = {
    "dim_tracks": """
        select track_id, track_name, main_artist_name, album_name, release_date, duration_ms
        from marts.dim_tracks
        order by track_id
        limit 10""",
    "dim_artists": "select artist_id, artist_name from marts.dim_artists order by artist_id limit 10",
}


@dataclass(frozen=True)
class Glance:
    """A look at one relation.

    `row_count` is exact up to 200,000 rows, beyond that Postgres' estimate (None for a view).
    """

    row_count: int | None
    is_estimate: bool
    preview: str | None


def glances(connection: psycopg.Connection, relations: Mapping[str, tuple[str, str]]) -> dict[str, Glance]:
    """Looks at the relations that are there.

    `relations` maps keys of the caller's choice to (schema, name); the glances come back under the same keys.
    The cost is bounded, whatever is stored.
    """
    user = _only_listener(connection)
    seen = {}
    for key, (schema, name) in relations.items():
        found = connection.execute(
            "select reltuples::bigint from pg_class where oid = to_regclass(format('%%I.%%I', %s::text, %s::text))",
            (schema, name),
        ).fetchone()
        if found is not None:
            count, is_estimate = _count(connection, schema, name, found[0])
            seen[key] = Glance(count, is_estimate, _preview(connection, name, user) if schema == "marts" else None)
    return seen


def _count(connection: psycopg.Connection, schema: str, name: str, estimate: int) -> tuple[int | None, bool]:
    query = sql.SQL("select count(*) from (select 1 from {} limit {}) as counted").format(
        sql.Identifier(schema, name), sql.Literal(_COUNTED_UP_TO + 1)
    )
    row = connection.execute(query).fetchone()
    count = row[0] if row else 0
    if count <= _COUNTED_UP_TO:
        return count, False
    return (estimate if estimate > 0 else None), True


def _only_listener(connection: psycopg.Connection) -> str | None:
    if (row := connection.execute("select to_regclass('marts.fct_plays')").fetchone()) is None or row[0] is None:
        return None
    row = connection.execute("select min(user_id), max(user_id) from marts.fct_plays").fetchone()
    return row[0] if row and row[0] == row[1] else None


def _preview(connection: psycopg.Connection, name: str, user: str | None) -> str | None:
    if name in _OF_A_LISTENER:
        if user is None:
            return _SEVERAL if _any_play(connection) else None
        cursor = connection.execute(_OF_A_LISTENER[name].encode(), {"user": user})
    elif name in _OF_EVERYBODY:
        cursor = connection.execute(_OF_EVERYBODY[name].encode())
    else:
        return None
    return markdown_table([column.name for column in cursor.description or ()], cursor.fetchall())


def _any_play(connection: psycopg.Connection) -> bool:
    return connection.execute("select 1 from marts.fct_plays limit 1").fetchone() is not None
