"""One at a time, in whatever process: who asks a host that counts calls finds out whether another asks it now."""

from collections.abc import Iterator
from contextlib import contextmanager

from spotify_assets.storage.warehouse import Warehouse


@contextmanager
def alone(warehouse: Warehouse, lock: int) -> Iterator[bool]:
    """Whether nobody else is in here with this number (any that no other program on the database takes).

    If so, others find somebody in here until the end. Waits for nobody.
    """
    with warehouse.connect() as connection:
        connection.autocommit = True
        row = connection.execute("select pg_try_advisory_lock(%s)", (lock,)).fetchone()
        yield bool(row and row[0])
