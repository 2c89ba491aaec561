"""Erasing a listener: everything of theirs goes, and what is left is counted.

Killed anywhere and run again, it completes. The order makes that so: the login goes first, so that nobody polls; then
what waits to be landed; then the lake, from which alone rows come back; then, in one transaction, the rows, the catalog
and the finished builds, so that whoever comes next loads and builds anew what is left. The inbox and Dagster's history
need no build and go before it. The note of whose the history was goes last: by it a second try knows the account and
the shown name.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spotify_assets.clock import Clock
from spotify_assets.listeners import files, rows
from spotify_assets.listeners.history import History, Person, Traces
from spotify_assets.listening.exports import manifest
from spotify_assets.listening.loading import OBJECTS_A_TRANSACTION
from spotify_assets.loaders import LOADERS
from spotify_assets.modelling.builds import BuildLock
from spotify_assets.modelling.project import Project
from spotify_assets.modelling.runner import DbtFailed
from spotify_assets.modelling.session import BuildSession
from spotify_assets.storage.lake import Lake, is_key, parse_key
from spotify_assets.storage.landed import in_order_of_fetching, not_loaded
from spotify_assets.storage.landing import while_nobody_lands
from spotify_assets.storage.warehouse import Warehouse

_NOTE = "ops.unconnected_listeners"
Progress = Callable[[list[list[str]]], Iterable[list[str]]]
"""Given batches of keys, gives them back one by one and shows how far it is."""


@dataclass(frozen=True)
class Place:
    """Somewhere that may hold something of a listener: how much was there, and how much is left."""

    name: str
    found: int
    left: int


@dataclass(frozen=True)
class Erased:
    """What came of an erasure. `problems` are sentences: what stood in the way of finishing it, with the remedy."""

    places: list[Place]
    problems: list[str]


@dataclass(frozen=True)
class Erasure:
    """What erasing one listener takes. `progress` shows the loading of what is left in the lake."""

    user_id: str
    warehouse: Warehouse
    lake: Lake
    home: Path
    clock: Clock
    project: Project
    history: History
    progress: Progress

    def run(self) -> Erased:
        """Erases, and counts what was there and what is left. Run again after a kill, it completes.

        Waits for polls, loads and builds that are under way. Raises `UserError` where a part is out of reach.
        """
        started = datetime.now(UTC)
        before = self._count_data()
        self._remove()
        files.delete_inbox(self.home, self.user_id)
        note = self._note()
        person = Person(self.user_id, *note) if note else Person(self.user_id)
        shown_before = started if note or any(before.values()) else None
        under_way = self.history.wait_for_runs()
        traces = self.history.find(person, shown_before)
        self.history.delete(traces, spared=under_way)
        broken = self._build()
        files.delete_dbt_notes(self.home)
        traces_left = self.history.find(person, shown_before)
        problems = [*broken, *self._of_history(under_way, traces_left)]
        left = traces_left.counts()
        if not problems and not any(left.values()) and not any((self._count_data() | {_NOTE: 0}).values()):
            with self.warehouse.connect() as connection:
                rows.forget_name(connection, self.user_id)
        with self.warehouse.connect() as connection:
            connection.autocommit = True
            rows.vacuum(connection)
        before |= traces.counts()
        left |= self._count_data()
        places = [Place(name, before.get(name, 0), left.get(name, 0)) for name in sorted({*before, *left})]
        return Erased(places, problems)

    def _remove(self) -> None:
        """Takes the listener out of the warehouse and the lake, and loads what is left again."""
        with while_nobody_lands(self.warehouse):
            with self.warehouse.connect() as connection:
                rows.forget_login(connection, self.user_id, self.clock.now())
                rows.forget_waiting(connection, self.user_id)
            files.delete_from_lake(self.lake, self.user_id)
            building = BuildLock(self.warehouse)
            building.take(wait=True)
            try:
                with self.warehouse.connect() as connection:
                    rows.forget_rows(connection, self.user_id)
            finally:
                building.release()
            self._load()

    def _load(self) -> None:
        """Loads what is left in the lake and counts as not loaded."""
        batches = []
        for dataset in LOADERS:
            keys = not_loaded(self.warehouse, {key for key in self.lake.list(f"{dataset}/") if is_key(key)})
            # An export's file can be large.
            size = 1 if dataset == manifest.DATASET else OBJECTS_A_TRANSACTION
            ordered = in_order_of_fetching(keys)
            batches += [ordered[start : start + size] for start in range(0, len(ordered), size)]
        for batch in self.progress(batches):
            self._take(batch)

    def _take(self, keys: list[str]) -> None:
        """Loads objects of one dataset."""
        LOADERS[parse_key(keys[0]).dataset](self.warehouse, self.lake, keys)

    def _build(self) -> list[str]:
        """Builds until nothing is left to build, by whomever; returns the sentence of what can't be built, if any."""
        while True:
            session = BuildSession(self.warehouse, self.clock, self.project)
            try:
                outcome = session.audit()
                if outcome.kind == "built" and not outcome.broken:
                    outcome = session.marts()
            except DbtFailed as failed:
                return [self._not_built(str(failed))]
            finally:
                session.close()
            if outcome.broken:
                return [self._not_built(outcome.broken[0].sentence)]
            if outcome.kind != "left":
                return []
            holder = BuildLock(self.warehouse)
            holder.take(wait=True)
            holder.release()

    def _not_built(self, why: str) -> str:
        return (
            f"What is left can't be built without {self.user_id}, so the models may still show what only that person "
            f"played ({why}): mend it, and run the same command again."
        )

    def _of_history(self, under_way: list[str], left: Traces) -> list[str]:
        problems = []
        if under_way:
            problems.append(
                f"Runs in Dagster are still under way and may name {self.user_id} yet: run the same command again when "
                f"they have ended, or, for one that was killed, an hour after it began: {', '.join(under_way)}."
            )
        if left.backfills:
            keys = ", ".join(f"'{key}'" for key in left.backfills)
            problems.append(
                f"Dagster can't delete backfills, and some name {self.user_id}: run "
                f'"delete from bulk_actions where key in ({keys})" in the database of its history, and the same '
                "command again."
            )
        return problems

    def _note(self) -> tuple[str | None, str | None] | None:
        """(account, shown name) of the listener, if there ever was a login."""
        with self.warehouse.connect() as connection:
            return connection.execute(
                "select account_id, display_name from ops.unconnected_listeners where user_id = %s", (self.user_id,)
            ).fetchone()

    def _count_data(self) -> dict[str, int]:
        with self.warehouse.connect() as connection:
            counts = rows.count_rows(connection, self.user_id)
        return counts | {
            "the lake": files.count_in_lake(self.lake, self.user_id),
            "the inbox in the home": files.count_in_inbox(self.home, self.user_id),
            "dbt's logs and results in the home": files.count_in_dbt_notes(self.home, self.user_id),
        }
