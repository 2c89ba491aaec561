"""A moment between two builds, in which everything that is read belongs together."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from spotify_assets.modelling.builds import is_building
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.takeout.tables import Table, as_stored

_PATIENCE = 0.5  # seconds between two looks


@contextmanager
def snapshot(
    warehouse: Warehouse, wanted: Sequence[Table], waiting: Callable[[], None]
) -> Iterator[tuple[psycopg.Connection, list[Table]]]:
    """A connection on which every query reads the same moment, and the tables as they are then.

    Waits for a build that is under way, and calls `waiting` meanwhile; keeps no build from beginning. (One that puts
    whole new tables in place waits for the end of this block with that.)
    """
    with warehouse.connect() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        while not _begun(connection, wanted):
            connection.rollback()
            waiting()
            time.sleep(_PATIENCE)
        yield connection, [as_stored(connection, table) for table in wanted]


def _begun(connection: psycopg.Connection, wanted: Sequence[Table]) -> bool:
    if is_building(connection):
        return False
    there = [table.relation for table in wanted if as_stored(connection, table).is_there]
    connection.rollback()
    # Locks come before the snapshot: of a table that takes another's place later, an older snapshot sees no rows.
    try:
        connection.execute(sql.SQL("lock table {} in access share mode").format(sql.SQL(", ").join(there)))
    except psycopg.errors.UndefinedTable:
        return False  # replaced since the line above
    return not is_building(connection)
