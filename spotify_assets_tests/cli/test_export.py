"""`spotify-assets export`, as a person uses it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listeners.leaving import command
from spotify_assets_tests.world import World


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: dbt's manifest is made once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, home: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(at=datetime(2026, 3, 2, 6, tzinfo=UTC), listeners=("alex",))) as simulator:
        yield World.make(monkeypatch, warehouse, simulator, home)


def test_it_says_what_it_wrote_and_where(world: World, tmp_path: Path) -> None:
    world.login("alex")
    folder = tmp_path / "of_alex"

    said = command(world, "export", "alex", str(folder))

    assert said.code == 0
    lines = {line.split()[0]: line for line in said.text.splitlines()}
    written = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert written <= set(lines)
    assert "0 rows" in lines["plays.parquet"]
    assert lines["plays.parquet"].rstrip().endswith(("kB", "bytes"))
    assert "0 objects" in lines["raw/"]
    assert "alex has no plays: the tables that are made of them are empty." in said.text
    assert f"Everything that is kept of alex is in {folder}; README.md there says what is what." in said.text


def test_what_a_person_can_put_right_is_one_line(world: World, tmp_path: Path) -> None:
    said = command(world, "export", "bob", str(tmp_path / "of_bob"))
    assert said.code == 1
    assert said.text.splitlines()[-1] == "Nobody here is called bob; who there is, says: spotify-assets listeners list"
    assert not (tmp_path / "of_bob").exists()
    world.login("alex")
    said = command(world, "export", "alex", "/proc/of_alex")
    assert said.code == 1
    assert said.text.startswith("The export can't be written to /proc/of_alex (")
    assert "\n" not in said.text


def test_the_help_has_an_example(world: World) -> None:
    assert "spotify-assets export ada ~/my_listening" in command(world, "export", "--help").text
