"""Databases for tests. Making one copies many files, so tests hand them on, with the rows that they began with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import conninfo, sql

from spotify_assets.storage.embedded import ROLE, EmbeddedPostgres

# All that a test could have changed but rows: a database that differs in it from a new one is not handed on.
_SHAPE = """
    with named as (
        select oid, nspname from pg_namespace where nspname !~ '^(pg_|information_schema)'
    ),
    things as (
        select concat_ws(' ', 'schema', nspname) as thing from named
        union all
        select concat_ws(' ', nspname, relname, relkind, relacl, reloptions, relrowsecurity, relpersistence)
        from pg_class inner join named on named.oid = relnamespace where relkind <> 'i'
        union all
        select concat_ws(' ', indrelid::regclass, indkey, indisunique, pg_get_expr(indpred, indrelid))
        from pg_index inner join pg_class on pg_class.oid = indrelid inner join named on named.oid = relnamespace
        union all
        select concat_ws(' ', attrelid::regclass, attname, atttypid, atttypmod, attnotnull, attisdropped)
        from pg_attribute inner join pg_class on pg_class.oid = attrelid inner join named on named.oid = relnamespace
        where relkind <> 'i'
        union all
        select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid))
        from pg_constraint inner join named on named.oid = connamespace
        union all
        select concat_ws(' ', tgrelid::regclass, tgname, tgenabled) from pg_trigger where not tgisinternal
        union all
        select concat_ws(' ', nspname, proname, prosrc) from pg_proc inner join named on named.oid = pronamespace
        union all
        select concat_ws(' ', setrole, setconfig) from pg_db_role_setting
        inner join pg_database on pg_database.oid = setdatabase where datname = current_database()
    )
    select md5(string_agg(thing, '|' order by thing)) from things
"""
_TABLES = """
    select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^(pg_|information_schema)'
"""
_SEQUENCES = """
    select format('%I.%I', schemaname, sequencename), last_value from pg_sequences where last_value is not null
"""


class DatabasePool:
    """Databases of one server that are copies of `template`, with just the rows that it has."""

    def __init__(self, server: EmbeddedPostgres, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        self._numbers = count(1)
        with self._connect(template) as connection:
            self._shape = connection.execute(_SHAPE).fetchone()
            self._tables = [str(name) for (name,) in connection.execute(_TABLES)]
            self._rows = {name: self._rows_of(connection, name) for name in self._filled(connection)}
            self._next = {name: last + 1 for name, last in connection.execute(_SEQUENCES)}

    @contextmanager
    def lending(self) -> Iterator[Callable[[], str]]:
        """Gives a function that takes databases, and takes them back at the end."""
        lent: list[str] = []

        def lend() -> str:
            lent.append(self._take())
            return lent[-1]

        yield lend
        for name in lent:
            self._give_back(name)

    def _take(self) -> str:
        """The name of a database that nobody else has."""
        if self._free:
            return self._free.pop()
        name = f"{self._template}_{next(self._numbers)}"
        create_database(self._server, name, self._template)
        return name

    def _give_back(self, name: str) -> None:
        """Empties it for the next who takes one; where more than rows was changed it goes."""
        if self._is_unchanged(name):
            self._free.append(name)
            return
        with psycopg.connect(self._server.admin_dsn(), autocommit=True) as admin:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def _is_unchanged(self, name: str) -> bool:
        try:
            with self._connect(name) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
                if connection.execute(_SHAPE).fetchone() != self._shape:
                    return False
                filled = self._filled(connection)
                if filled:
                    connection.execute(f"truncate {', '.join(filled)} cascade".encode())
                for sequence, _ in connection.execute(_SEQUENCES).fetchall():
                    connection.execute(f"alter sequence {sequence} restart {self._next.get(sequence, 1)}".encode())
                for table, rows in self._rows.items():
                    for (row,) in rows:
                        connection.execute(
                            f"insert into {table} overriding system value "
                            f"select * from json_populate_record(null::{table}, %s::json)".encode(),
                            (row,),
                        )
        except psycopg.OperationalError:  # a test that locks everybody out
            return False
        return True

    def _filled(self, connection: psycopg.Connection) -> list[str]:
        looks = (f"select '{table}' where exists (select 1 from {table})" for table in self._tables)
        return [str(name) for (name,) in connection.execute(" union all ".join(looks).encode())]

    def _rows_of(self, connection: psycopg.Connection, table: str) -> list[tuple[object, ...]]:
        return connection.execute(f"select row_to_json(stored)::text from {table} as stored".encode()).fetchall()

    def _connect(self, name: str) -> psycopg.Connection:
        address = conninfo.make_conninfo(self._server.admin_dsn(), dbname=name, connect_timeout=10)
        return psycopg.connect(address, autocommit=True)


def create_database(server: EmbeddedPostgres, name: str, template: str = "template1") -> None:
    """Creates a database that the pipeline's role owns."""
    statement = sql.SQL("create database {} owner {} template {}").format(*map(sql.Identifier, (name, ROLE, template)))
    with psycopg.connect(server.admin_dsn(), autocommit=True) as admin:
        admin.execute(statement)


def database_dsn(server: EmbeddedPostgres, name: str) -> str:
    """The address of one of the server's databases for the pipeline's role."""
    parts = conninfo.conninfo_to_dict(server.dsn())
    return f"postgresql://{ROLE}:{parts['password']}@127.0.0.1:{parts['port']}/{name}"
