"""Writing a takeout: one moment of the warehouse, what lies in the lake, and a README that says what is what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql

from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.spotify.logins import checked_user_id
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.takeout.csv_files import write_csv
from spotify_assets.takeout.folder import RAW, README, Folder, open_folder
from spotify_assets.takeout.listener import Listener, find_listener, has_what_to_model
from spotify_assets.takeout.objects import copy_objects, object_keys
from spotify_assets.takeout.parquet import write_parquet
from spotify_assets.takeout.readme import Part, readme
from spotify_assets.takeout.snapshot import snapshot
from spotify_assets.takeout.tables import Manifest, Table, wanted_tables

Progress = Callable[[str, int, int | None], None]
"""Told what is being written, how far it is, and how far it will go, if known; in rows or objects."""


@dataclass(frozen=True)
class File:
    """A file of the takeout, or the folder of objects."""

    name: str
    count: int
    """Rows or objects."""
    size: int
    """In bytes."""


@dataclass(frozen=True)
class Written:
    """What came of it. `problems` are sentences on what is in the takeout and damaged."""

    folder: Path
    files: list[File]
    plays: int
    problems: list[str]


@dataclass(frozen=True)
class Takeout:
    """What writing one listener's takeout into `folder` takes."""

    user_id: str
    folder: Path
    warehouse: Warehouse
    lake: Lake
    manifest: Manifest = field(repr=False)
    clock: Clock
    progress: Progress

    def write(self) -> Written:
        """Writes it, in place of an earlier one. Raises `UserError` where it can't; then the folder has no README.

        Memory doesn't grow with the history.
        """
        checked_user_id(self.user_id)
        wanted = wanted_tables(self.manifest)
        with while_nobody_is_erased(self.warehouse):
            keys = object_keys(self.lake, self.user_id)
            listener = self._listener(wanted, keys)
            with open_folder(self.folder, self.user_id) as folder:
                made_at = self.clock.now()
                parts, files = self._tables(folder, wanted)
                say = partial(self._say, f"{RAW}/", len(keys))
                size, problems = copy_objects(self.lake, keys, folder, say)
                text = readme(listener, made_at, parts, len(keys), problems)
                folder.finish([file.name for file in files], keys, text)
                files += [File(f"{RAW}/", len(keys), size), File(README, 0, folder.size(README))]
        return Written(self.folder, files, parts[0].rows, problems)

    def _listener(self, wanted: Sequence[Table], keys: Sequence[str]) -> Listener:
        with self.warehouse.connect() as connection:
            found = find_listener(connection, self.user_id, wanted)
        if found is None and not keys:
            raise UserError(f"Nobody here is called {self.user_id}; who there is, says: spotify-assets listeners list")
        return found or Listener(self.user_id)

    def _tables(self, folder: Folder, wanted: Sequence[Table]) -> tuple[list[Part], list[File]]:
        parts, files = [], []
        waiting = partial(self.progress, "waiting for the build that is under way", 0, None)
        with snapshot(self.warehouse, wanted, waiting) as (connection, tables):
            unbuilt = [f"{table.schema}.{table.name}" for table in tables if not table.is_there]
            if unbuilt and has_what_to_model(connection, self.user_id):
                raise UserError(
                    f"The plays of {self.user_id} are not modelled yet ({unbuilt[0]} is missing); "
                    "run spotify-assets replay, and the same command again."
                )
            folder.begin([f"{table.file}.{kind}" for table in tables for kind in ("csv", "parquet")])
            for table in tables:
                rows, written = self._table(connection, folder, table)
                parts.append(Part(table, rows))
                files += written
        return parts, files

    def _table(self, connection: psycopg.Connection, folder: Folder, table: Table) -> tuple[int, list[File]]:
        of_csv, of_parquet = f"{table.file}.csv", f"{table.file}.parquet"
        with folder.writing(of_csv) as file:
            say = partial(self._say, of_csv, _count(connection, table, self.user_id))
            rows, longest = write_csv(connection, table, self.user_id, file, say)
        with folder.writing(of_parquet) as file:
            say = partial(self._say, of_parquet, rows)
            kept = write_parquet(folder.path / of_csv, file, table.columns, longest, say)
        if kept != rows:
            raise RuntimeError(f"{of_csv} has {rows} rows, and {of_parquet} was given {kept}")
        return rows, [File(name, rows, folder.size(name)) for name in (of_parquet, of_csv)]

    def _say(self, what: str, total: int | None, done: int) -> None:
        self.progress(what, done, total)


def _count(connection: psycopg.Connection, table: Table, user_id: str) -> int | None:
    """How many rows there will be, where asking costs little."""
    if not table.is_counted:
        return None
    row = connection.execute(sql.SQL("select count(*) {}").format(table.of(user_id))).fetchone()
    return int(row[0]) if row else None
