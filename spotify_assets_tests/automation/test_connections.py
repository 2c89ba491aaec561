"""The job `connections` and its schedule: what `doctor` says, once a day, run by Dagster's own daemon."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.automation.connections import connections_job, connections_schedule
from spotify_assets.cli.runs import QUIET, failure_of
from spotify_assets.health import orchestration
from spotify_assets.health.orchestration import look_at_dagster
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.world import World

CODE = """
import dagster as dg

from spotify_assets.automation.connections import connections_job, connections_schedule


@dg.definitions
def defs():
    return dg.Definitions(jobs=[connections_job()], schedules=[connections_schedule("* * * * *")])
"""
A_TICK = 100
"""Seconds: the next full minute, and some for a run to be launched and to end."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig()) as simulator:
        hosts = dict.fromkeys(("KWORB_URL", "DEEZER_URL"), simulator.url)
        made = World.make(monkeypatch, warehouse, simulator, tmp_path / "home", **hosts)
        made.login("alex")
        yield made


def run(world: World, **changed: str) -> dg.ExecuteInProcessResult:
    world.settings()
    for name, value in changed.items():
        world.monkeypatch.setenv(name, value)
    from spotify_assets import settings

    settings.settings.cache_clear()
    return connections_job().execute_in_process(run_config=QUIET, raise_on_error=False)


def told(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """The metadata of the one output."""
    [output] = [event.step_output_data for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.metadata.items()}


def test_the_job_tells_each_finding_in_its_metadata_and_succeeds_without_red(world: World) -> None:
    result = run(world)

    assert result.success
    found = told(result)
    assert str(found["Postgres"]).startswith("green: at 127.0.0.1")
    assert found["Slack"] == (
        "yellow: alerts are only logged; set SLACK_BOT_TOKEN and SLACK_CHANNEL, or SLACK_WEBHOOK_URL, "
        "to be told when something breaks"
    )
    assert "the login works" in str(found["Spotify: alex"])


def test_the_job_fails_with_one_sentence_that_names_what_is_red(world: World) -> None:
    lake = world.home / "not_a_folder"
    lake.parent.mkdir(exist_ok=True)
    lake.touch()

    result = run(world, LAKE_URL=str(lake), DATABASE_URL=f"postgresql://a:canary@127.0.0.1:{free_port()}/b")

    assert not result.success
    sentence = failure_of(result)
    assert sentence.startswith("2 of 11 connections do not work: Postgres: Postgres at 127.0.0.1")
    assert f"; lake: The lake {lake} can't be used" in sentence
    assert "\n" not in sentence
    assert "canary" not in sentence
    assert str(told(result)["lake"]).startswith("red: The lake")


def test_the_schedule_looks_every_morning_and_runs_by_itself() -> None:
    schedule = connections_schedule()
    assert (schedule.name, schedule.job_name) == ("connections_daily", "connections")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("13 7 * * *", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


@contextmanager
def daemon(world: World, folder: Path) -> Iterator[None]:
    """Dagster's daemon with a code location whose schedule is due every minute, until the block ends."""
    (folder / "every_minute.py").write_text(CODE)
    home = Path(world.environment["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with (folder / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("dagster-daemon"), "run", "-f", "every_minute.py"],
            cwd=folder,
            env={**plain, **world.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(what: Callable[[], bool], folder: Path) -> None:
    until = time.monotonic() + A_TICK
    while not what():
        assert time.monotonic() < until, (folder / "daemon.log").read_text()
        time.sleep(0.5)


def test_dagster_s_daemon_runs_the_job_by_its_schedule_and_is_seen_by_the_doctor(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = datetime.now(UTC)
    world.settings()
    with daemon(world, tmp_path):
        with dg.DagsterInstance.get() as instance:

            def finished() -> bool:
                return bool(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])))

            wait_for(finished, tmp_path)
            [record, *_] = instance.get_run_records()
            assert record.dagster_run.job_name == "connections"
            assert record.dagster_run.tags["dagster/schedule_name"] == "connections_daily"
            assert record.create_timestamp > began
        found = look_at_dagster(dg.DagsterInstance.get)
        assert (found.status, found.remedy) == ("green", "")
        assert found.says.endswith("in Sqlite; the daemon lives; running schedules: 1, sensors: 0")
    monkeypatch.setattr(orchestration, "LATELY", timedelta(0))
    late = look_at_dagster(dg.DagsterInstance.get)
    assert late.status == "yellow"
    assert f"no daemon since {datetime.now(UTC):%Y-%m-%d}" in late.says
