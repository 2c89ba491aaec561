"""A tick killed at any moment and run again leaves the rows that a tick nobody killed leaves."""

import random
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.crashing import MOMENTS
from spotify_assets_tests.sizes import size
from spotify_assets_tests.ticks import tick
from spotify_assets_tests.world import World, snapshot

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
BETWEEN_TICKS = timedelta(hours=2)  # longer than an access token lives, so that each tick refreshes
# How often a tick comes to each moment at least (57 rows of COPY, 90 statements of dbt); the kill is drawn among them.
TIMES = {"landing": 1, "copy": 57, "commit": 1, "load": 1, "dbt": 90, "token": 1}

NewWarehouse = Callable[[], Warehouse]


def two_worlds(
    monkeypatch: pytest.MonkeyPatch, new_warehouse: NewWarehouse, simulator: SimulatorServer, folder: Path
) -> tuple[World, World]:
    """Two installations of one listener at one simulated Spotify: one whose ticks are killed, one left in peace."""
    worlds = tuple(
        World.make(monkeypatch, new_warehouse(), simulator, folder / name) for name in ("killed", "in_peace")
    )
    for world in worlds:
        world.login("alex")
    return worlds[0], worlds[1]


@pytest.mark.parametrize("share", size([0], [0, 1, 2]))
def test_a_killed_tick_run_again_leaves_the_same_rows(
    monkeypatch: pytest.MonkeyPatch, new_warehouse: NewWarehouse, tmp_path: Path, share: int
) -> None:
    """Kills after landing, in the middle of COPY, before the commit, after the load, in dbt, after a token's answer.

    The rerun finds nothing new at Spotify: it is the quiet tick after which the marts must be complete. What is killed
    is a run of Dagster; the others are the code below it.
    """
    draw = random.Random(20260302 + share)  # noqa: S311
    moments = size(["dbt"], [moment for moment in MOMENTS for _ in range(3)])
    draw.shuffle(moments)
    hits: Counter[str] = Counter()
    with SimulatorServer(SimulatorConfig(at=START)) as simulator:
        killed, in_peace = two_worlds(monkeypatch, new_warehouse, simulator, tmp_path)
        killed.tick_without_dagster()
        in_peace.tick_without_dagster()
        for number, moment in enumerate(moments, 1):
            now = START + number * BETWEEN_TICKS
            killed.at(now)
            killed.listen(*(now - timedelta(minutes=4 * back) for back in range(1, 8)))
            at = f"{moment}:{draw.randint(1, TIMES[moment])}"
            done = killed.command("poll", module="spotify_assets_tests.crashing", CRASH_AT=at)
            hits[moment] += done.returncode == -signal.SIGKILL
            assert done.returncode == -signal.SIGKILL, f"{at} was not reached: {done.stderr}"
            killed.tick_without_dagster()
            in_peace.tick_without_dagster()
            assert snapshot(killed.warehouse) == snapshot(in_peace.warehouse), at
    print("\nmoment of the kill   hits")
    for moment in MOMENTS:
        print(f"{moment:20} {hits[moment]:4}")


def test_a_kill_between_a_rotating_answer_and_its_commit_shows_as_needs_login(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """The one loss allowed: the new token died with the process. It is said, and no play goes."""
    with SimulatorServer(SimulatorConfig(at=START, rotation="single_use")) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, tmp_path)
        world.login("alex")
        world.tick_without_dagster()
        world.at(START + BETWEEN_TICKS)
        assert world.command("poll", module="spotify_assets_tests.crashing", CRASH_AT="token:1").returncode < 0

        again = world.command("poll")

        assert again.returncode == 1
        [(status, reason)] = world.rows("select status, status_reason from ops.listeners")
        assert status == "needs_login"
        assert "may have been lost" in str(reason)
        world.listen(START + timedelta(hours=1))
        world.login("alex")
        assert tick(world).new == 1
