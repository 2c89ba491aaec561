"""What tests of the automation share: an installation on a Monday morning."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.modelling.conftest import Play, Raw
from spotify_assets_tests.world import World

MONDAY = datetime(2026, 11, 23, 10, 17, tzinfo=UTC)
TRACKS = {"T1": ("Song <one>", 180_000, "AL", ("A1",)), "T2": ("Song two", 240_000, "AL", ("A2",))}


def heard(user_id: str, *days: str, track: str = "T1", times: int = 10) -> list[Play]:
    """A track so many times in a row on the evenings of these dates in Berlin."""
    return [(user_id, f"{day}T18:{3 * number:02d}:00.000Z", track) for day in days for number in range(times)]


@pytest.fixture
def monday(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    """Alex, who listened for a month, on a Monday morning."""
    config = SimulatorConfig(at=MONDAY, plays_a_day=0, listeners=("alex", "bo"))
    with SimulatorServer(config) as simulator:
        made = World.make(monkeypatch, warehouse, simulator, tmp_path / "home", **simulator.slack)
        made.login("alex")
        before = [f"2026-11-{day:02d}" for day in range(9, 15)]
        plays = heard("alex", *before, times=5)
        plays += heard("alex", "2026-11-16", "2026-11-17", "2026-11-18", times=3)
        plays += heard("alex", "2026-11-20", "2026-11-21", "2026-11-22", track="T2", times=15)
        Raw(warehouse).load(plays, tracks=TRACKS, albums={"AL": "Album"}, artists={"A1": "Ada", "A2": "Ben & Co"})
        with warehouse.connect() as connection:
            connection.execute(
                "insert into raw.polled_spans (user_id, spans) "
                "values ('alex', tstzmultirange(tstzrange('2026-11-01Z', '2026-11-23 10:00Z')))"
            )
        made.build()
        yield made
