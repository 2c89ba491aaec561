"""Many rows at once: COPY into a temporary table, then one upsert statement."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

_WORTH_STATISTICS = 1_000


@dataclass(frozen=True)
class Upserted:
    """How many rows an upsert inserted, and how many existing ones it changed."""

    inserted: int
    changed: int


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


def upsert(
    cur: psycopg.Cursor,
    target: str,
    source: str,
    keys: Sequence[str],
    values: Sequence[str],
    merge: Mapping[str, str] | None = None,
) -> Upserted:
    """Brings the rows of `source` (a temporary table, each key once) into `target` (`schema.table`) by unique `keys`.

    `values` are the other columns. An existing row takes the new value, or what `merge` says for a column: an SQL
    expression over `existing` and `excluded`, such as `least(existing.lake_key, excluded.lake_key)`. A row that would
    not change is not written. Rows are taken in the order of their keys, so that two loads can't block each other.
    """
    expressions: dict[str, sql.Composable] = {
        column: sql.SQL("excluded.{}").format(sql.Identifier(column)) for column in values
    }
    expressions |= {column: sql.SQL(expression) for column, expression in (merge or {}).items()}
    comma = sql.SQL(", ")
    key_list = comma.join(map(sql.Identifier, keys))
    column_list = comma.join(map(sql.Identifier, [*keys, *values]))
    action: sql.Composable = sql.SQL("do nothing")
    if values:
        action = sql.SQL("do update set {assignments} where ({old}) is distinct from ({new})").format(
            assignments=comma.join(
                sql.SQL("{} = {}").format(sql.Identifier(column), expressions[column]) for column in values
            ),
            old=comma.join(sql.Identifier("existing", column) for column in values),
            new=comma.join(expressions[column] for column in values),
        )
    # An inserted row has no deleter or locker yet, an updated one was locked by this very statement.
    statement = sql.SQL(
        "with written as ("
        " insert into {target} as existing ({columns}) select {columns} from {source} order by {keys}"
        " on conflict ({keys}) {action} returning existing.xmax = 0 as is_new"
        ") select count(*) filter (where is_new), count(*) filter (where not is_new) from written"
    ).format(
        target=sql.Identifier(*target.split(".")),
        columns=column_list,
        source=sql.Identifier(*source.split(".")),
        keys=key_list,
        action=action,
    )
    counted = cur.execute(statement).fetchone()
    inserted, changed = counted if counted is not None else (0, 0)
    return Upserted(inserted, changed)
