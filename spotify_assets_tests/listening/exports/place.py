"""A warehouse and a lake into which tests import exports, without Dagster and without models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from spotify_assets.clock import FixedClock
from spotify_assets.listening.exports.importing import Imported, import_export
from spotify_assets.listening.exports.lake_exports import all_keys
from spotify_assets.listening.exports.sources import given, read
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import Lake, open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import put
from spotify_assets_tests.world import snapshot

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where things are imported; `folder` holds the lake, and the files that are given."""

    warehouse: Warehouse
    folder: Path

    @property
    def lake(self) -> Lake:
        return open_lake(Settings(SPOTIFY_ASSETS_HOME=self.folder))

    def take(self, *paths: Path, user_id: str = "alex", at: datetime = NOW) -> Imported:
        """Imports paths as one export."""
        files, refused = given(paths)
        clock = FixedClock(at)
        return import_export(self.warehouse, self.lake, clock, user_id, [*refused, *read(files)], "Europe/Berlin")

    def take_files(self, files: Mapping[str, bytes], user_id: str = "alex", at: datetime = NOW) -> Imported:
        """Imports made-up files as one export."""
        number = len(list(self.folder.glob("given_*")))
        return self.take(put(self.folder / f"given_{number}", files), user_id=user_id, at=at)

    def objects(self) -> list[str]:
        """What the lake holds of exports."""
        return all_keys(self.lake)

    def rows(self, query: str, parameters: Sequence[object] | None = None) -> list[tuple[object, ...]]:
        with self.warehouse.connect() as connection:
            return list(connection.execute(query.encode(), parameters).fetchall())

    def raw(self) -> dict[str, list[str]]:
        """All rows of `raw`, after a look at what the loads keep count of."""
        assert self.rows("select stream_count from ops.raw_version") == self.rows("select count(*) from raw.streams")
        return snapshot(self.warehouse, "raw")

    def version(self) -> object:
        [(version,)] = self.rows("select version from ops.raw_version")
        return version

    def changed_since(self, version: object) -> set[tuple[object, ...]]:
        """The (listener, UTC day) that later versions changed."""
        changed = self.rows("select user_id, utc_date::text from ops.changed_days where version > %s", (version,))
        return set(changed)
