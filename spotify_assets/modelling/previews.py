"""What a person sees of a table in Dagster's UI: how many rows it has, and a few of them as Markdown. No Dagster."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from spotify_assets.markdown import markdown_table
from spotify_assets.storage.sharing import NOT_SHOWN, is_shared

_COUNTED_UP_TO = 5_000

# What is shown where there is a single listener, `%(user)s`. Tracks and artists too: they tell what was played.
_PREVIEWS = {
    "fct_plays": """
        select played_at, coalesce(track_name, title) as title,
            coalesce(main_artist_name, artist_name) as artist, ms_played, source
        from marts.fct_plays
        left join marts.dim_tracks using (track_id)
        where user_id = %(user)s
        order by played_at desc
        limit 10""",
    "top_tracks": """
        select rank, track_name, main_artist_name, plays, ms_listened
        from marts.top_tracks
        where user_id = %(user)s and period_kind = 'all_time'
        order by rank, last_played_at desc, track_key
        limit 10""",
    "top_artists": """
        select rank, artist_name, plays, ms_listened
        from marts.top_artists
        where user_id = %(user)s and period_kind = 'all_time'
        order by rank, last_played_at desc, artist_key
        limit 10""",
    "dim_tracks": """
        select track_id, track_name, main_artist_name, album_name, release_date, duration_ms
        from marts.dim_tracks
        order by track_id
        limit 10""",
    "reconciliation": """
        select month_start, matched, api_only, export_only, account_data_only, repeats
        from marts.reconciliation
        where user_id = %(user)s
        order by month_start desc
        limit 12""",
    "coverage": """
        select starts_at, ends_at, is_covered, proved_by, provisional_from, missing_at_least
        from marts.coverage
        where user_id = %(user)s
        order by starts_at desc
        limit 20""",
    "dim_artists": "select artist_id, artist_name from marts.dim_artists order by artist_id limit 10",
}


# Views that have a row for each row of these, or are as small themselves.
_MADE_OF = {"top_tracks": ("track_days", "track_periods"), "coverage": ("coverage",)}


@dataclass(frozen=True)
class Glance:
    """A look at one relation.

    `row_count` is exact up to 5,000 rows, beyond that Postgres' estimate; None for most views: counting makes them.
    """

    row_count: int | None
    is_estimate: bool
    preview: str | None


def glances(connection: psycopg.Connection, relations: Mapping[str, tuple[str, str]]) -> dict[str, Glance]:
    """Looks at the relations that are there.

    `relations` maps keys of the caller's choice to (schema, name); the glances come back under the same keys.
    The cost is bounded, whatever is stored.
    """
    shared = is_shared(connection)
    seen = {}
    for key, (schema, name) in relations.items():
        found = connection.execute(
            "select reltuples::bigint, relkind = 'v' from pg_class "
            "where oid = to_regclass(format('%%I.%%I', %s::text, %s::text))",
            (schema, name),
        ).fetchone()
        if found is not None:
            estimate, is_view = found
            if is_view:
                count, is_estimate = _count_view(connection, schema, name)
            else:
                count, is_estimate = _count(connection, schema, name, estimate)
            seen[key] = Glance(count, is_estimate, _preview(connection, name, shared) if schema == "marts" else None)
    return seen


def _count_view(connection: psycopg.Connection, schema: str, name: str) -> tuple[int | None, bool]:
    total, is_estimate = 0, False
    for table in _MADE_OF.get(name, ()):
        row = connection.execute(
            "select reltuples::bigint from pg_class where oid = to_regclass(format('%%I.%%I', %s::text, %s::text))",
            (schema, table),
        ).fetchone()
        count, is_rough = _count(connection, schema, table, row[0] if row else 0)
        if count is None:
            return None, True
        total, is_estimate = total + count, is_estimate or is_rough
    return (total if name in _MADE_OF else None), is_estimate


def _count(connection: psycopg.Connection, schema: str, name: str, estimate: int) -> tuple[int | None, bool]:
    query = sql.SQL("select count(*) from (select 1 from {} limit {}) as counted").format(
        sql.Identifier(schema, name), sql.Literal(_COUNTED_UP_TO + 1)
    )
    row = connection.execute(query).fetchone()
    count = row[0] if row else 0
    if count <= _COUNTED_UP_TO:
        return count, False
    return (estimate if estimate > 0 else None), True


def _preview(connection: psycopg.Connection, name: str, shared: bool) -> str | None:
    if name not in _PREVIEWS:
        return None
    if shared:
        return NOT_SHOWN
    user = connection.execute(
        "select least((select min(user_id) from raw.plays), (select min(user_id) from raw.streams))"
    ).fetchone()
    cursor = connection.execute(_PREVIEWS[name].encode(), {"user": user[0] if user else None})
    return markdown_table([column.name for column in cursor.description or ()], cursor.fetchall())
