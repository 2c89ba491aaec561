"""A warehouse on which nothing stays: all that reads or writes it shares one transaction, which is rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

import psycopg

from spotify_assets.storage.warehouse import Warehouse


class _Shared(psycopg.Connection):
    """Whoever opens it in a `with` block neither commits it nor closes it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@dataclass(frozen=True)
class Undone(Warehouse):
    """As `Warehouse`, for one thread."""

    held: psycopg.Connection | None = field(default=None, repr=False)

    def connect(self) -> psycopg.Connection:
        assert self.held is not None
        return self.held


@contextmanager
def undone(warehouse: Warehouse) -> Iterator[Undone]:
    """What is done to it within the block is gone after it."""
    held = _Shared.connect(warehouse.dsn, options="-c TimeZone=UTC")
    try:
        yield Undone(warehouse.dsn, held)
    finally:
        held.rollback()
        held.close()
