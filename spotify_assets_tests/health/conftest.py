"""An installation whose every connection is a real server on this machine, so that each can be broken by itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pytest_httpserver import HTTPServer

from spotify_assets.health.examination import examine
from spotify_assets.health.findings import Finding
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
BOT, HOOK, PING, SECRET = (f"canary-{name}-0123456789" for name in ("bot", "hook", "ping", "secret"))

Worlds = Callable[..., World]


@pytest.fixture
def outside(httpserver: HTTPServer) -> HTTPServer:
    """The charts' hosts and Slack, all in good health."""
    httpserver.expect_request("/kworb/").respond_with_data("<html>")
    httpserver.expect_request("/deezer/").respond_with_json({})
    httpserver.expect_request("/slack/auth.test", method="POST").respond_with_json({"ok": True, "team": "Listeners"})
    return httpserver


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(
        SimulatorConfig(at=NOW, listeners=("alex", "bo"), plays_a_day=0.0, client_secret=SECRET)
    ) as started:
        yield started


@pytest.fixture
def new_world(
    monkeypatch: pytest.MonkeyPatch,
    warehouse: Warehouse,
    simulator: SimulatorServer,
    outside: HTTPServer,
    tmp_path: Path,
) -> Worlds:
    """Makes an installation with everything configured, whose listener is connected and was polled."""

    def make(*listeners: str, **extra: str) -> World:
        configured = {
            "SPOTIFY_CLIENT_SECRET": SECRET,
            "KWORB_URL": outside.url_for("/kworb"),
            "DEEZER_URL": outside.url_for("/deezer"),
            "SLACK_API_URL": outside.url_for("/slack"),
            "SLACK_BOT_TOKEN": BOT,
            "SLACK_CHANNEL": "#listening",
            "HEARTBEAT_URL": outside.url_for(f"/{PING}"),
        }
        world = World.make(monkeypatch, warehouse, simulator, tmp_path / "home", **(configured | extra))
        for listener in listeners or ("alex",):
            world.login(listener)
        with warehouse.connect() as connection:
            connection.execute("truncate ops.requests")  # what a login costs is not counted here
        world.tick_without_dagster(build=False)
        return world

    return make


def look(world: World, **changed: str) -> dict[str, Finding]:
    """What a look at everything finds, by name, with some of the environment changed. Nothing in it is a secret."""
    there = replace(world, environment={**world.environment, **changed})
    chosen = there.settings()
    found = examine(chosen, dg.DagsterInstance.ephemeral)
    told = " ".join(f"{finding.says} {finding.remedy}" for finding in found)
    assert "canary" not in told
    assert there.environment["TOKEN_ENCRYPTION_KEY"] not in told or not there.environment["TOKEN_ENCRYPTION_KEY"]
    assert "\n" not in told
    return {finding.name: finding for finding in found}


def not_green(found: dict[str, Finding]) -> dict[str, str]:
    """The colours of what is not all right; Dagster's history of these tests never is, for it ends with them."""
    return {name: seen.status for name, seen in found.items() if seen.status != "green" and name != "Dagster"}
