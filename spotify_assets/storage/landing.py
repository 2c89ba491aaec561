"""Landing: a payload goes to the lake before anything reads it; where the lake is down it waits in `ops.spool`.

Nothing is loaded from the spool. It moves to the lake at the next tick, and a row is deleted only after the lake has
given the same bytes back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from spotify_assets.errors import LakeUnavailable
from spotify_assets.storage.lake import Lake, LakeCorrupt, lake_key, parse_key
from spotify_assets.storage.warehouse import Warehouse

_LOCK = 2_891_650_173_984_402_117  # any number that no other program on the same database takes


@contextmanager
def while_nobody_is_erased(warehouse: Warehouse) -> Iterator[None]:
    """What polls, lands or loads goes on in here, from looking who is connected to the last row.

    Waits while a listener is being erased, so that nothing of that person comes back.
    """
    with _holding(warehouse, "pg_advisory_lock_shared"):
        yield


@contextmanager
def while_nobody_lands(warehouse: Warehouse) -> Iterator[None]:
    """A listener is erased in here: waits for polls and loads that are under way, and keeps others waiting."""
    with _holding(warehouse, "pg_advisory_lock"):
        yield


@contextmanager
def _holding(warehouse: Warehouse, function: LiteralString) -> Iterator[None]:
    with warehouse.connect() as connection:
        connection.autocommit = True
        connection.execute(f"select {function}(%s)", (_LOCK,))
        yield


@dataclass(frozen=True)
class Landed:
    """Where a payload lies now: under `key` in the lake, or, `spooled`, in the warehouse until the lake is back."""

    key: str
    spooled: str | None = None
    """Why it had to be spooled, in one sentence."""


@dataclass
class Landing:
    """Lands the payloads of one tick. Needs the warehouse only when the lake is down.

    Once the lake has failed it is not tried again by this object: a silent S3 server costs its time-out once.
    """

    lake: Lake
    warehouse: Warehouse
    lake_failure: str | None = None

    def land(self, dataset: str, payload: bytes, fetched_at: datetime, user_id: str | None) -> Landed:
        """Stores a payload, byte for byte, under the key of its fetch time (UTC).

        Raises `LakeUnavailable` where neither the lake nor the spool can take it.
        """
        key = lake_key(dataset, payload, fetched_at, user_id)
        if self.lake_failure is None:
            try:
                self.lake.put(key, payload)
            except LakeUnavailable as down:
                self.lake_failure = str(down)
            else:
                return Landed(key)
        with self.warehouse.connect() as connection:
            connection.execute(
                "insert into ops.spool (lake_key, body, spooled_at) values (%s, %s, %s) on conflict do nothing",
                (key, payload, fetched_at),
            )
        return Landed(key, spooled=self.lake_failure)

    def move_spool(self) -> list[str]:
        """Moves what waits in the spool to the lake, and returns the keys moved; none where the lake is down.

        A lake that has something else under a key of the spool counts as down: a person has to look at it.
        """
        try:
            return self._moved()
        except (LakeUnavailable, LakeCorrupt) as down:
            self.lake_failure = str(down)
            return []

    def _moved(self) -> list[str]:
        moved = []
        with self.warehouse.connect() as connection:
            waiting = connection.execute("select lake_key from ops.spool order by lake_key").fetchall()
        for (key,) in waiting:
            with self.warehouse.connect() as connection:
                row = connection.execute(
                    "select body from ops.spool where lake_key = %s for update skip locked", (key,)
                ).fetchone()
                if row is None:  # another tick is moving it
                    continue
                body = bytes(row[0])
                self.lake.put(key, body)
                if self.lake.get(key) != body:
                    raise LakeUnavailable(f"The lake gave other bytes back for {key}; the payload stays in ops.spool.")
                connection.execute("delete from ops.spool where lake_key = %s", (key,))
                # Whatever becomes of this tick, the next one knows that there is something to load.
                landed = parse_key(key)
                connection.execute(
                    """
                    insert into ops.landed_objects (lake_key, dataset, user_id, fetched_at)
                    values (%s, %s, %s, %s)
                    on conflict do nothing
                    """,
                    (key, landed.dataset, landed.user_id, landed.fetched_at),
                )
                moved.append(key)
        return moved

    def waiting(self) -> int:
        """How many payloads wait in the spool."""
        with self.warehouse.connect() as connection:
            row = connection.execute("select count(*) from ops.spool").fetchone()
        return int(row[0]) if row else 0
