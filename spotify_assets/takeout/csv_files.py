"""Rows of the warehouse into CSV, as Postgres writes it: UTF-8, a header, quotes by the rules, nothing for null."""

from collections.abc import Callable
from typing import BinaryIO

import psycopg
from psycopg import sql

from spotify_assets.takeout.tables import Table

_EVERY = 10_000  # rows between two words on how far it is


def write_csv(
    connection: psycopg.Connection, table: Table, user_id: str, target: BinaryIO, progress: Callable[[int], None]
) -> tuple[int, int]:
    """Writes the listener's rows of a table, as they stream in; returns how many, and the bytes of the longest line."""
    query = sql.SQL("copy ({}) to stdout with (format csv, header true, encoding 'UTF8')").format(
        _query(table, user_id)
    )
    longest, lines = 0, 0
    with connection.cursor() as cursor:
        with cursor.copy(query) as copy:
            for line in copy:
                target.write(line)
                longest = max(longest, len(line))
                lines += 1
                if lines % _EVERY == 0:
                    progress(lines)
        # Postgres says how many rows there were, without the header.
        return cursor.rowcount, longest


def _query(table: Table, user_id: str) -> sql.Composed:
    if not table.is_there:
        nothing = (sql.SQL("null::text as {}").format(sql.Identifier(column.name)) for column in table.columns)
        return sql.SQL("select {} where false").format(sql.SQL(", ").join(nothing))
    values = (sql.SQL("{} as {}").format(column.written(), sql.Identifier(column.name)) for column in table.columns)
    return sql.SQL("select {} {} order by {}").format(sql.SQL(", ").join(values), table.of(user_id), table.order())
