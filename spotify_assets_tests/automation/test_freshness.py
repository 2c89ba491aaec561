"""The schedule `freshness_every_30_minutes`, run by Dagster's own daemon where nothing else runs, and why it skips."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets import settings
from spotify_assets.automation.freshness import freshness_schedule
from spotify_assets.cli.runs import dagster_home
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World

# The real checks, job and schedule on all assets but the models: nobody polls, and no run that fetches ever begins.
CODE = """
from datetime import date

import dagster as dg

from spotify_assets.automation.freshness import freshness_checks, freshness_schedule
from spotify_assets.charts.assets import global_top_50_asset
from spotify_assets.charts.checks import chart_checks
from spotify_assets.listening.assets import raw_plays_asset
from spotify_assets.listening.checks import checks
from spotify_assets.listening.exports.assets import streaming_history_asset
from spotify_assets.listening.exports.checks import export_checks
from spotify_assets.partitions import fetch_days
from spotify_assets.resources import resources


@dg.definitions
def defs():
    days = fetch_days(date(2026, 1, 1))
    return dg.Definitions(
        assets=[raw_plays_asset(days), streaming_history_asset(), global_top_50_asset(days)],
        asset_checks=[*checks(), *export_checks(), *chart_checks()],
        jobs=[dg.define_asset_job("freshness", selection=freshness_checks())],
        schedules=[freshness_schedule("* * * * *")],
        resources=resources(),
        executor=dg.in_process_executor,
    )
"""
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
A_WHILE = 240.0
"""Seconds: the next full minute, and some for the run to be launched and to end."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(at=NOON)) as simulator:
        made = World.make(monkeypatch, warehouse, simulator, tmp_path / "home")
        made.settings()
        yield made


def skipped() -> str:
    """Why the schedule asks for nothing now."""
    asked = freshness_schedule()(dg.build_schedule_context(scheduled_execution_time=NOON))
    assert isinstance(asked, dg.SkipReason)
    return str(asked.skip_message)


def test_the_daemon_says_who_was_not_asked_about_where_no_run_fetches(world: World, tmp_path: Path) -> None:
    assert skipped() == "Nobody is connected and no chart was ever fetched, so nothing is expected."
    world.login("alex")
    world.tick_without_dagster(build=False)
    world.at(NOON + timedelta(hours=2))
    dagster_home(world.settings())
    (tmp_path / "location.py").write_text(CODE)
    log = tmp_path / "daemon.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("dagster-daemon"), "run", "-f", "location.py"],
            cwd=tmp_path,
            env=world.environment_of_a_process(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            with dg.DagsterInstance.from_config(world.environment["DAGSTER_HOME"]) as instance:
                run = _first_run(instance, log)
                said = {
                    record.event_log_entry.asset_check_evaluation.check_name: record.event_log_entry
                    for record in instance.get_records_for_run(
                        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
                    ).records
                    if record.event_log_entry.asset_check_evaluation
                }
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    found = {name: entry.asset_check_evaluation for name, entry in said.items()}
    assert {name: check.passed for name, check in found.items() if check} == {
        "chart_is_recent": False,
        "inbox_is_taken_in": True,
        "listeners_are_asked_about": False,
        "nothing_waits_in_the_spool": True,
        "requests_last_the_day": True,
        "volume_is_as_usual": True,
    }
    late = found["listeners_are_asked_about"]
    assert late is not None
    assert "not been asked about alex for 2.0 h, since 2026-03-04 12:00 UTC" in str(late.description)
    assert late.severity == dg.AssetCheckSeverity.WARN
    assert world.simulator.world.log.counts().get("/v1/me/player/recently-played", 1) == 1


def _first_run(instance: dg.DagsterInstance, log: Path) -> dg.DagsterRun:
    """The first run that ended well; it had no partition, for nothing is materialized."""
    until = time.monotonic() + A_WHILE
    while True:
        runs = instance.get_runs(dg.RunsFilter(job_name="freshness"))
        if done := [run for run in runs if run.status == dg.DagsterRunStatus.SUCCESS]:
            assert "dagster/partition" not in done[-1].tags
            return done[-1]
        assert not [run for run in runs if run.status == dg.DagsterRunStatus.FAILURE], log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)


def test_where_nothing_is_stored_or_postgres_is_away_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home in which nothing was stored gets no Postgres because somebody looks what is missing."""
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path / "home"))
    assert skipped() == "Nothing has been stored yet."
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b@127.0.0.1:9/c")
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", "a" * 43 + "=")
    settings.settings.cache_clear()
    assert "Postgres at 127.0.0.1" in skipped()


def test_charts_alone_are_reason_enough_and_one_run_at_a_time_is(world: World) -> None:
    with world.warehouse.connect() as connection:
        connection.execute(
            "insert into ops.chart_pages values ('key', 'kworb', 'global_daily', '2026-03-01', %s)", (NOON,)
        )
    with dg.DagsterInstance.from_config(str(dagster_home(world.settings()))) as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=NOON)
        asked = freshness_schedule()(context)
        assert isinstance(asked, dg.RunRequest)
        instance.add_run(dg.DagsterRun("freshness", status=dg.DagsterRunStatus.STARTED))
        again = freshness_schedule()(context)
    assert isinstance(again, dg.SkipReason)
    assert again.skip_message == "A run of freshness is under way."
