"""What a tier no longer says stays as it was known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from spotify_assets.settings import settings
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World

NOW = datetime(2026, 3, 4, 20, tzinfo=UTC)
TABLES = ("raw.tracks", "raw.albums", "raw.artists", "raw.track_artists", "raw.album_artists")


def known(world: World) -> dict[str, set[tuple[object, ...]]]:
    return {table: set(world.rows(f"select * from {table}")) for table in TABLES}


def test_fields_that_an_app_loses_stay_as_known(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with SimulatorServer(SimulatorConfig(at=NOW, tier="extended")) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, tmp_path)
        world.login("alex")
        world.tick_without_dagster(build=False)
        before = known(world)
        assert world.rows("select count(*) from raw.tracks where popularity is null") == [(0,)]

        requests.post(f"{simulator.url}/_sim/app", json={"tier": "new_dev"}, timeout=10).raise_for_status()
        world.at(NOW + timedelta(hours=1))
        world.tick_without_dagster(build=False)

        lake = open_lake(settings())
        first, second = (lake.get(key) for key in lake.list("recently_played/"))
        assert b'"popularity"' in first
        assert b'"popularity"' not in second
        [(told_again,)] = world.rows(
            "select count(*) from (select track_id from raw.track_versions group by track_id having count(*) > 1) as t"
        )
        assert isinstance(told_again, int)
        assert told_again > 20
        after = known(world)
        assert all(before[table] <= after[table] for table in TABLES)
