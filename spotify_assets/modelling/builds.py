"""The bookkeeping of dbt's builds: what has to be built, the lock that serializes builds, and `ops.builds`.

No Dagster and no dbt. A build covers the versions of `raw` in (from_version, to_version]; what each of them changed is
in `ops.changed_days` and `ops.changed_ids`. A build that never finished (a failed audit, a killed process) is
superseded by the next one, which starts again from the last *finished* one: nothing has to be cleaned up.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg

from spotify_assets.clock import Clock
from spotify_assets.modelling import scope
from spotify_assets.storage.warehouse import Warehouse

_LOCK = 4_207_735_214_310_556_162  # any number that no other program on the same database takes


@dataclass(frozen=True)
class FinishedBuild:
    """The last build whose marts became complete."""

    to_version: int
    code_hash: str
    raw_rows: int
    """Rows of `raw.plays` and `raw.streams` when it began."""


@dataclass(frozen=True)
class Plan:
    """What the next build does, and why in one sentence for a person."""

    kind: Literal["skip", "incremental", "full"]
    reason: str
    from_version: int
    to_version: int
    code_hash: str
    raw_rows: int


_NOTE_WHAT_RAW_HOLDS = """
    do $$
    declare
        name text;
    begin
        for name in select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'raw' loop
            execute 'analyze ' || name;
        end loop;
    end;
    $$
"""
_FEW_ROWS, _FEW_DAYS = 20_000, 300
"""So many new rows, or changed days of a listener, are taken in piece by piece, whatever was there before."""


def plan(
    last_finished: FinishedBuild | None,
    current_version: int,
    raw_rows: int,
    code_hash: str,
    relations_present: bool,
    unfinished_since: Collection[str] = (),
    changed_days: int = 0,
    all_days: int = 0,
) -> Plan:
    """Decides what the next build does.

    `unfinished_since` holds the code hashes of the builds that were begun after the last finished one and never
    finished: one with other code may have left relations of another shape. A rule or a change of a time zone changes
    many days, counted for each listener alone, without a new row.
    """
    since = last_finished.to_version if last_finished else 0
    kind: Literal["skip", "incremental", "full"] = "full"
    if last_finished is None:
        reason = "Nothing has been built yet."
    elif last_finished.code_hash != code_hash:
        reason = "The models' code changed since the last finished build."
    elif any(other != code_hash for other in unfinished_since):
        reason = "A build with other code was begun since the last finished one and never finished."
    elif not relations_present:
        reason = "Tables of the models are missing from the warehouse."
    elif since == current_version:
        kind = "skip"
        reason = f"Nothing changed since the last finished build (version {since} of raw): dbt was not needed."
    elif raw_rows - last_finished.raw_rows > max(_FEW_ROWS, last_finished.raw_rows):
        reason = "Most of the history is new since the last finished build."
    elif changed_days > max(_FEW_DAYS, all_days / 2):
        reason = "Most days of the history may have changed since the last finished build."
    else:
        kind = "incremental"
        reason = f"Versions {since + 1} to {current_version} of raw are new since the last finished build."
    return Plan(kind, reason, since, current_version, code_hash, raw_rows)


def read_plan(connection: psycopg.Connection, code_hash: str, relations: Sequence[tuple[str, str]]) -> Plan:
    """Looks at the warehouse and decides. `relations` are the (schema, name) pairs that the models make."""
    with connection.transaction():
        version = _one(connection, "select version from ops.raw_version")
        raw_rows = _one(connection, "select play_count + stream_count from ops.raw_version")
        finished = connection.execute(
            "select build_id, to_version, code_hash, raw_rows from ops.builds where finished_at is not null "
            "order by build_id desc limit 1"
        ).fetchone()
        unfinished = connection.execute(
            "select distinct code_hash from ops.builds where finished_at is null and build_id > %s",
            (finished[0] if finished else 0,),
        ).fetchall()
        present = _one(
            connection,
            "select count(*) from unnest(%s::text[], %s::text[]) as wanted (schema_name, relation_name) "
            "where to_regclass(format('%%I.%%I', schema_name, relation_name)) is not null",
            ([schema for schema, _ in relations], [name for _, name in relations]),
        )
        changed_days = _one(
            connection,
            "select count(*) from (select distinct user_id, utc_date from ops.changed_days where version > %s) as days",
            (finished[1] if finished else 0,),
        )
        many = present == len(relations) and changed_days > _FEW_DAYS
        all_days = _one(connection, "select count(*) from marts.listening_days") if many else 0
    return plan(
        FinishedBuild(*finished[1:]) if finished else None,
        version,
        raw_rows,
        code_hash,
        present == len(relations),
        [begun_with for (begun_with,) in unfinished],
        changed_days,
        all_days,
    )


def start(connection: psycopg.Connection, todo: Plan, clock: Clock, run_id: str | None) -> int:
    """Writes the build's row, finds what it is about, and returns its number."""
    with connection.transaction():
        if todo.kind == "incremental":
            scope.fill(connection, todo.from_version, todo.to_version)
        else:
            # Of what was loaded a moment ago Postgres knows nothing yet, and would plan for empty tables.
            connection.execute(_NOTE_WHAT_RAW_HOLDS)
            connection.execute("select ops.admit_readers()")
        return _one(
            connection,
            "insert into ops.builds (from_version, to_version, code_hash, is_full, raw_rows, started_at, run_id) "
            "values (%s, %s, %s, %s, %s, %s, %s) returning build_id",
            (
                todo.from_version,
                todo.to_version,
                todo.code_hash,
                todo.kind == "full",
                todo.raw_rows,
                clock.now(),
                run_id,
            ),
        )


def finish(connection: psycopg.Connection, build_id: int, clock: Clock) -> None:
    """Marks the marts as complete up to the build's version, and forgets which rows it was about."""
    with connection.transaction():
        version = _one(
            connection,
            "update ops.builds set finished_at = %s where build_id = %s returning to_version",
            (clock.now(), build_id),
        )
        connection.execute("delete from ops.changed_days where version <= %s", (version,))
        connection.execute("delete from ops.changed_ids where version <= %s", (version,))
        scope.empty(connection)


def is_behind(connection: psycopg.Connection) -> bool:
    """Whether `raw` holds changes that no finished build has covered."""
    covered = "select coalesce(max(to_version), 0) from ops.builds where finished_at is not null"
    return _one(connection, "select version from ops.raw_version") > _one(connection, covered)


def is_building(connection: psycopg.Connection) -> bool:
    """Whether somebody holds the lock that serializes builds. Taking it to see would turn builders away."""
    held = (
        "select count(*) from pg_locks where locktype = 'advisory' and granted and objsubid = 1 "
        "and database = (select oid from pg_database where datname = current_database()) "
        "and (classid::bigint << 32) + objid::bigint = %s"
    )
    return bool(_one(connection, held, (_LOCK,)))


class BuildLock:
    """The lock that serializes builds, on a connection of its own: whoever dies lets go of it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._connection: psycopg.Connection | None = None

    @property
    def is_held(self) -> bool:
        return self._connection is not None

    @property
    def connection(self) -> psycopg.Connection:
        """The connection that holds the lock, in autocommit; for the bookkeeping of the build."""
        if self._connection is None:
            raise RuntimeError("the build lock is not held")
        return self._connection

    def take(self, *, wait: bool = False) -> bool:
        """Takes the lock, and says whether it got it; with `wait` it stays until it has."""
        if self._connection is not None:
            return True
        connection = self._warehouse.connect()
        try:
            connection.autocommit = True
            if wait:
                connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
            elif not _one(connection, "select pg_try_advisory_lock(%s)", (_LOCK,)):
                connection.close()
                return False
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return True

    def release(self) -> None:
        """Lets go; nothing happens where it isn't held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _one(connection: psycopg.Connection, query: str, parameters: Sequence[object] = ()) -> int:
    row = connection.execute(query.encode(), parameters).fetchone()
    if row is None:
        raise RuntimeError(f"no row came back from: {query}")
    return int(row[0])
