"""Many rows at once: COPY into a temporary table, from which one statement of the caller's takes them."""

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import sql

_WORTH_STATISTICS = 1_000


def copy_rows(
    cur: psycopg.Cursor, table: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[object]]
) -> int:
    """Creates the temporary table `table`, which lives until the transaction ends, fills it, and returns the row count.

    `columns` are (name, SQL type). A table of that name from earlier in the same transaction is replaced.
    """
    name = sql.Identifier(table)
    names = [sql.Identifier(column) for column, _ in columns]
    defined = [sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind)) for column, kind in columns]
    cur.execute(sql.SQL("drop table if exists {}").format(sql.Identifier("pg_temp", table)))
    cur.execute(sql.SQL("create temporary table {} ({}) on commit drop").format(name, sql.SQL(", ").join(defined)))
    count = 0
    with cur.copy(sql.SQL("copy {} ({}) from stdin").format(name, sql.SQL(", ").join(names))) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    if count >= _WORTH_STATISTICS:
        cur.execute(sql.SQL("analyze {}").format(name))
    return count
