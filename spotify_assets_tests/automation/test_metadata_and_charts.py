"""The schedule of the charts and the sensor `metadata_backlog`, run by Dagster's own daemon, and why they skip."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.automation.backlog import metadata_backlog_sensor, nothing_to_do
from spotify_assets.automation.charts import charts_schedule
from spotify_assets.clock import clock_from
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World

CODE = """
from datetime import date

import dagster as dg

from spotify_assets.automation.backlog import metadata_backlog_sensor
from spotify_assets.automation.charts import charts_schedule
from spotify_assets.catalog.assets import catalog_assets
from spotify_assets.charts.assets import global_top_50_asset
from spotify_assets.partitions import fetch_days
from spotify_assets.resources import resources


@dg.definitions
def defs():
    days = fetch_days(date(2026, 1, 1))
    metadata = dg.AssetSelection.assets("track_metadata", "artist_metadata")
    return dg.Definitions(
        assets=[global_top_50_asset(days), *catalog_assets(days)],
        jobs=[
            dg.define_asset_job("charts", selection="global_top_50"),
            dg.define_asset_job("enrichment", selection=metadata),
        ],
        schedules=[charts_schedule("* * * * *")],
        sensors=[metadata_backlog_sensor(3)],
        resources=resources(),
        executor=dg.in_process_executor,
    )
"""
A_WHILE = 240
"""Seconds: the next full minute, and some for each run to be launched and to end; albums wait for a second one."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(musicbrainz_hit_rate=1.0)) as simulator:
        made = World.make(monkeypatch, warehouse, simulator, tmp_path / "home")
        made.login("alex")
        made.tick_without_dagster(build=False)
        yield made


def test_dagster_s_daemon_asks_for_the_chart_and_for_what_is_missing_and_then_for_nothing(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "often.py").write_text(CODE)
    home = Path(world.environment["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    log = tmp_path / "daemon.log"
    world.settings()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("dagster-daemon"), "run", "-f", "often.py"],
            cwd=tmp_path,
            env=world.environment_of_a_process(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with dg.DagsterInstance.get() as instance:
                until = time.monotonic() + A_WHILE
                # The chart names tracks that the first run of enrichment may not have known of.
                while {run.job_name for run in _good(instance)} != {"charts", "enrichment"} or _is_anything_wanted(
                    world
                ):
                    assert time.monotonic() < until, log.read_text()
                    assert not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])), log.read_text()
                    time.sleep(0.5)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert world.rows("select count(*) from raw.chart_entries") == [(50,)]
    assert world.rows("select count(*) from raw.artists where image_url is null") == [(0,)]
    assert world.rows("select count(*) > 0 from raw.artist_genres") == [(True,)]

    # In this process the same two say why they ask for nothing more.
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 3, 4, 12, 9, tzinfo=UTC))
    skipped = charts_schedule()(context)
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == "kworb has given today's chart."
    with dg.build_sensor_context() as sensing:
        looked = metadata_backlog_sensor()(sensing)
    assert isinstance(looked, dg.SkipReason)
    assert looked.skip_message == "Everything that was played is described."


def _is_anything_wanted(world: World) -> bool:
    chosen = world.settings()
    return nothing_to_do(chosen, world.warehouse, clock_from(chosen)) is None


def _good(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])))


def test_without_a_warehouse_both_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home in which nothing was stored gets no Postgres because somebody looks what is missing."""
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path / "home"))
    with dg.build_sensor_context() as sensing:
        looked = metadata_backlog_sensor()(sensing)
    assert isinstance(looked, dg.SkipReason)
    assert looked.skip_message == "Nothing has been stored yet."
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b@127.0.0.1:9/c")
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", "a" * 43 + "=")
    from spotify_assets import settings

    settings.settings.cache_clear()
    skipped = charts_schedule()(dg.build_schedule_context(scheduled_execution_time=datetime.now(UTC)))
    assert isinstance(skipped, dg.SkipReason)
    assert "Postgres at 127.0.0.1" in str(skipped.skip_message)
