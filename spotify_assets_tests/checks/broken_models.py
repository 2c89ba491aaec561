"""How each of dbt's tests is made to fail: its own SQL, as dbt compiled it, on a copy of its model with one bad row.

The copy takes the model's place within a transaction. It has the model's rows and types but none of its constraints and
indexes, so that also rows are met which Postgres, or the model's code, would keep out today. A kind of test that is not
here fails the test, so that none is forgotten.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlglot
from sqlglot import exp

Node = Mapping[str, Any]
UNLIKE = {
    "B": ("true", "false"),
    "N": ("-1", "1000000", "0", "1"),
    "S": ("'nonsense'", "''"),
    "D": ("'1900-01-01'", "'2900-01-01'"),
}
"""By Postgres' category of a type: values that are rarely right."""


@dataclass(frozen=True)
class ModelTest:
    """A test of the manifest with its compiled SQL, and the model it is about."""

    node: Node
    model: Node
    sql: str

    @property
    def kind(self) -> str:
        return str(self.node["test_metadata"]["name"])

    @property
    def kwargs(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.node["test_metadata"]["kwargs"]
        return found

    @property
    def relation(self) -> str:
        return f"{self.model['schema']}.{self.model['alias']}"

    def bad_rows(self, connection: psycopg.Connection) -> int:
        """How many rows the test complains of, counted as dbt does."""
        [(count,)] = connection.execute(f"select count(*) from ({self.sql}) as offences".encode()).fetchall()
        return int(count)


def stand_in(connection: psycopg.Connection, test: ModelTest) -> int:
    """Puts a copy of a few rows in the model's place; returns how many the model has that the test reads."""
    schema, name = test.relation.split(".")
    kind = {"v": "view", "r": "table"}[
        _one(connection, "select relkind::text from pg_class where oid = %s::regclass", test.relation)
    ]
    connection.execute(f"alter {kind} {test.relation} rename to as_built".encode())
    where = test.node["config"].get("where") or "true"
    connection.execute(
        f"create table {test.relation} as select * from {schema}.as_built where {where} limit 20".encode()
    )
    return int(_one(connection, f"select count(*) from {schema}.{name}"))


def damages(connection: psycopg.Connection, test: ModelTest) -> Iterator[str]:
    """What makes the test fail, each alone; of a condition that joins several, one for each. None where it can't be."""
    yield from _BY_KIND[test.kind](connection, test)


def _null_in_each(connection: psycopg.Connection, test: ModelTest) -> Iterator[str]:
    for column in test.kwargs.get("columns") or [test.kwargs["column_name"]]:
        yield f"update {test.relation} set {column} = null"


def _twice(_connection: psycopg.Connection, test: ModelTest) -> Iterator[str]:
    yield f"insert into {test.relation} select * from {test.relation} limit 1"


def _without_index(_connection: psycopg.Connection, test: ModelTest) -> Iterator[str]:
    yield "select 1"  # the copy has none


def _unknown_value(_connection: psycopg.Connection, test: ModelTest) -> Iterator[str]:
    yield f"update {test.relation} set {test.kwargs['column_name']} = 'nobody and nothing'"


def _each_part(connection: psycopg.Connection, test: ModelTest) -> Iterator[str]:
    """For each part of the condition a value of one of its columns that breaks that part."""
    condition = sqlglot.parse_one(str(test.kwargs["condition"]), dialect="postgres")
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        columns = sorted({column.name for column in part.find_all(exp.Column)})
        yield _breaking(connection, test, columns, part.sql(dialect="postgres"))


def _breaking(connection: psycopg.Connection, test: ModelTest, columns: list[str], part: str) -> str:
    for is_last_resort in (False, True):
        for column in columns:
            category = _one(
                connection,
                "select typcategory::text from pg_attribute inner join pg_type on pg_type.oid = atttypid "
                "where attrelid = %s::regclass and attname = %s",
                test.relation,
                column,
            )
            for value in ("null",) if is_last_resort else UNLIKE[category]:
                statement = f"update {test.relation} set {column} = {value}"
                with suppress(psycopg.DataError), connection.transaction(force_rollback=True):
                    connection.execute(statement.encode())
                    if _one(connection, f"select count(*) from {test.relation} where ({part}) is not true"):
                        return statement
    raise AssertionError(f"{test.node['name']}: no value of {columns} breaks {part}")


_BY_KIND: Mapping[str, Callable[[psycopg.Connection, ModelTest], Iterator[str]]] = {
    "holds": _each_part,
    "no_nulls": _null_in_each,
    "not_null": _null_in_each,
    "unique_key": _twice,
    "unique_index": _without_index,
    "accepted_values": _unknown_value,
    "relationships": _unknown_value,
}


def _one(connection: psycopg.Connection, query: str, *parameters: object) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return row[0]
