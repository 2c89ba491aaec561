"""Two ticks at once: nobody is logged out, no key comes twice, and the marts hold what both of them loaded."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from pytest_httpserver import HTTPServer

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World, snapshot

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
LATER = START + timedelta(hours=2)


def wait_until(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for something to happen, and fails where it doesn't."""
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.soak
def test_two_processes_tick_at_once_with_different_new_plays(
    monkeypatch: pytest.MonkeyPatch, new_warehouse: Callable[[], Warehouse], tmp_path: Path
) -> None:
    """The first holds the build and is kept in the middle of dbt; the second loads more and leaves the build to it."""
    config = SimulatorConfig(at=START, rotation="single_use")
    with SimulatorServer(config) as simulator:
        world = World.make(monkeypatch, new_warehouse(), simulator, tmp_path / "at_once")
        world.login("alex")
        world.tick_without_dagster()
        world.at(LATER)
        world.listen(LATER - timedelta(minutes=20), LATER - timedelta(minutes=10))
        requests.delete(f"{simulator.url}/_sim/requests", timeout=10)
        with world.warehouse.connect() as slow:
            # Whoever replaces rows of the marts waits for this transaction: dbt, slowed down.
            slow.execute("lock table marts.fct_plays in share mode")
            first = world.start("poll")
            wait_until(lambda: bool(world.rows("select 1 from pg_locks where not granted")))
            world.at(LATER + timedelta(minutes=30))
            world.listen(LATER + timedelta(minutes=10), LATER + timedelta(minutes=20))
            second = world.start("poll")
            said, problem = second.communicate(timeout=120)
            assert (second.returncode, said) == (0, "1 of 1 listeners answered. 2 new plays on 1 pages.\n"), problem
        _, problem = first.communicate(timeout=120)
        assert first.returncode == 0, problem

        log = requests.get(f"{simulator.url}/_sim/requests", timeout=10).json()
        refreshes = [entry for entry in log["requests"] if entry["path"] == "/api/token"]
        assert [entry["status"] for entry in refreshes] == [200], "one refresh served both"
        assert world.rows("select status from ops.listeners") == [("connected",)]
        assert world.rows("select count(*), count(distinct play_id) from marts.fct_plays") == world.rows(
            "select count(*), count(*) from raw.plays"
        )

        fresh = World.make(monkeypatch, new_warehouse(), simulator, tmp_path / "at_once")
        fresh.login("alex")
        fresh.replay_without_dagster()
        assert snapshot(fresh.warehouse) == snapshot(world.warehouse)


@pytest.mark.soak
def test_two_processes_refresh_a_rotating_token_at_once(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, httpserver: HTTPServer
) -> None:
    """Both are good ticks, and who watches from outside is told of the one that reaches it."""
    httpserver.expect_request("/canary-beat").respond_with_data("OK")
    beats = [httpserver.url_for("/canary-beat"), "http://127.0.0.1:9/canary-beat"]
    config = SimulatorConfig(at=START, rotation="single_use")
    with SimulatorServer(config) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, tmp_path)
        world.login("alex")
        world.tick_without_dagster()
        world.at(LATER)
        processes = [world.start("poll", HEARTBEAT_URL=url) for url in beats]
        problems = []
        for process in processes:
            _, problem = process.communicate(timeout=120)
            assert process.returncode == 0, problem
            problems.append(problem)
        assert len(httpserver.log) == 1
        assert problems[0] == ""
        assert problems[1].startswith("HEARTBEAT_URL could not be pinged (no connection")
        assert "canary" not in problems[1]
        assert world.rows("select status from ops.listeners") == [("connected",)]
        assert world.rows("select count(*) from marts.fct_plays") == world.rows("select count(*) from raw.plays")
