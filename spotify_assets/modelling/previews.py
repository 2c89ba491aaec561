"""What a person sees of a table in Dagster's UI: how many rows, a few of them, and a small chart. No Dagster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import psycopg
from psycopg import sql

from spotify_assets.markdown import bar_chart, markdown_table
from spotify_assets.modelling.shown import PREVIEWS
from spotify_assets.modelling.shown_charts import CHARTS
from spotify_assets.storage.sharing import NOT_SHOWN, is_shared

T = TypeVar("T")
_COUNTED_UP_TO = 5_000
_CHART_WIDTH = 60

# Views that have a row for each row of these.
_MADE_OF = {"top_tracks": ("track_days", "track_periods")}
# The same number by a shorter way.
_COUNTED_AS = {"wrapped": "(select * from marts.listening_periods where period_kind in ('month', 'year'))"}
_TO_COUNT, _TO_SHOW = "20ms", "1s"
"""A tick should not wait for a number: a view is counted, and a table shown, where it takes no longer."""


@dataclass(frozen=True)
class Glance:
    """A look at one relation.

    `row_count` is exact up to 5,000 rows, beyond that Postgres' estimate. None stands for what would take too long.
    """

    row_count: int | None
    is_estimate: bool
    preview: str | None = None
    chart: str | None = None


def glances(connection: psycopg.Connection, relations: Mapping[str, tuple[str, str]]) -> dict[str, Glance]:
    """Looks at the relations that are there.

    `relations` maps keys of the caller's choice to (schema, name); the glances come back under the same keys.
    The cost is bounded, whatever is stored.
    """
    shared = is_shared(connection)
    listener = None if shared else _only_listener(connection)
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
            seen[key] = Glance(count, is_estimate, NOT_SHOWN if schema == "marts" and shared else None)
            if schema == "marts" and not shared:
                preview = _quickly(connection, _TO_SHOW, partial(_preview, connection, name, listener))
                chart = _quickly(connection, _TO_SHOW, partial(_chart, connection, name, listener))
                seen[key] = Glance(count, is_estimate, preview, chart)
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
    if name in _MADE_OF:
        return total, is_estimate
    return _quickly(connection, _TO_COUNT, partial(_count, connection, schema, name, 0)) or (None, True)


def _quickly(connection: psycopg.Connection, patience: str, look: Callable[[], T | None]) -> T | None:
    """What `look` finds, or None where one of its queries takes longer."""
    try:
        with connection.transaction():
            connection.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(patience)))
            found = look()
            connection.execute("set local statement_timeout = default")
            return found
    except psycopg.errors.QueryCanceled:
        return None


def _count(connection: psycopg.Connection, schema: str, name: str, estimate: int) -> tuple[int | None, bool]:
    counted = sql.SQL(_COUNTED_AS[name]) if name in _COUNTED_AS else sql.Identifier(schema, name)
    query = sql.SQL("select count(*) from (select 1 from {} as rows_of limit {}) as counted").format(
        counted, sql.Literal(_COUNTED_UP_TO + 1)
    )
    row = connection.execute(query).fetchone()
    count = row[0] if row else 0
    if count <= _COUNTED_UP_TO:
        return count, False
    return (estimate if estimate > 0 else None), True


def _preview(connection: psycopg.Connection, name: str, listener: str | None) -> str | None:
    if name not in PREVIEWS:
        return None
    cursor = connection.execute(PREVIEWS[name].encode(), {"user": listener})
    return markdown_table([column.name for column in cursor.description or ()], cursor.fetchall())


def _chart(connection: psycopg.Connection, name: str, listener: str | None) -> str | None:
    if name not in CHARTS:
        return None
    title, query = CHARTS[name]
    numbers = [int(number) for (number,) in connection.execute(query.encode(), {"user": listener})]
    return f"{bar_chart(numbers[-_CHART_WIDTH:])} ({title})" if numbers else None


def _only_listener(connection: psycopg.Connection) -> str | None:
    row = connection.execute(
        "select least((select min(user_id) from raw.plays), (select min(user_id) from raw.streams))"
    ).fetchone()
    return row[0] if row else None
