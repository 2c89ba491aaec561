"""docker-compose.yaml, started as plain processes: a schedule fires, a run goes through, a check fails."""

import json
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import requests

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.conftest import use_s3
from spotify_assets_tests.deployment.conftest import MakeStack
from spotify_assets_tests.deployment.stack import Stack
from spotify_assets_tests.sizes import size
from spotify_assets_tests.ticks import play
from spotify_assets_tests.world import APP, World, prepare

# In `make test` without the models, whose first build is slow and has tests of its own.
WHOLE_TICKS = size(False, True)
# The real code location; only its ticks come every minute.
CODE = """
import dagster as dg

import spotify_assets.definitions as real
from spotify_assets.clock import clock_from, today
from spotify_assets.settings import settings


@dg.schedule(
    name="listening_every_minute",
    job_name="listening",
    cron_schedule="* * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def listening_every_minute(context):
    day = today(clock_from(settings())).isoformat()
    return dg.RunRequest(run_key=None, partition_key=day, asset_selection=WHICH)


@dg.definitions
def defs():
    whole = real.defs()
    return dg.Definitions(
        assets=whole.assets,
        asset_checks=whole.asset_checks,
        jobs=whole.jobs,
        sensors=whole.sensors,
        schedules=[listening_every_minute],
        resources=whole.resources,
        executor=whole.executor,
    )
"""


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorConfig()) as server:
        yield server


def spotify(simulator: SimulatorServer) -> dict[str, str]:
    """The variables that make a stack's Spotify the simulator; its secret comes by file, as everywhere."""
    return {
        "SPOTIFY_API_URL": simulator.api_url,
        "SPOTIFY_ACCOUNTS_URL": simulator.accounts_url,
        "SPOTIFY_CLIENT_ID": APP.client_id,
        "SLACK_API_URL": simulator.slack["SLACK_API_URL"],
        "SLACK_CHANNEL": simulator.slack["SLACK_CHANNEL"],
        **simulator.outside,
    }


def as_the_world_of(stack: Stack, monkeypatch: pytest.MonkeyPatch, simulator: SimulatorServer, home: Path) -> World:
    """This process beside the stack: the same warehouse, lake and key."""
    use_s3(monkeypatch, stack.here("http://s3:8333"))
    outside = {"LAKE_URL": "s3://listening/lake", "TOKEN_ENCRYPTION_KEY": stack.secret("token_encryption_key")}
    return World.make(monkeypatch, Warehouse(stack.secret("database_url")), simulator, home, **outside)


def asked(address: str, query: str) -> Any:
    """What the web server's GraphQL answers."""
    return requests.post(f"{address}/graphql", json={"query": query}, timeout=30).json()


def test_the_compose_file_s_services_run_a_tick_and_show_it(
    make_stack: MakeStack,
    simulator: SimulatorServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    stack = make_stack(**spotify(simulator), PYTHONPATH=str(tmp_path))
    (stack.folder / "run/secrets/spotify_client_secret").write_text(APP.client_secret)
    (stack.folder / "run/secrets/slack_bot_token").write_text(simulator.slack["SLACK_BOT_TOKEN"])
    which = "None" if WHOLE_TICKS else '[dg.AssetKey("raw_plays")]'
    (tmp_path / "every_minute.py").write_text(CODE.replace("WHICH", which))

    said = stack.run("migrate")
    assert "database spotify: the tables are in place." in said
    assert "Bucket listening: made; writing and reading work." in said
    assert "Bucket dagster-logs: made; writing and reading work." in said

    prepare(stack.folder / "var/lib/spotify-assets")
    world = as_the_world_of(stack, monkeypatch, simulator, tmp_path / "home")
    world.login("alex")
    play(world, world_now(simulator), item={"track": "not a track"})
    stack.start("code-server", replaced={"spotify_assets.definitions": "every_minute"})
    stack.wait(partial(stack.listens, "4000"))
    assert stack.is_healthy("code-server")
    for name in ("daemon", "web", "web-read-only"):
        stack.start(name)

    for name, value in stack.environment("daemon").items():
        if name.startswith("DAGSTER_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", stack.secret("dagster_password"))
    with dg.DagsterInstance.get() as instance:
        over = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
        stack.wait(lambda: bool(instance.get_runs(dg.RunsFilter(statuses=over))))
        run = instance.get_runs(dg.RunsFilter(statuses=over))[-1]
        assert (run.job_name, run.tags["dagster/schedule_name"]) == ("listening", "listening_every_minute")
        assert run.status == dg.DagsterRunStatus.SUCCESS, stack.logs()
        records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
        failed = [
            record.event_log_entry.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
            for record in records
            if not record.event_log_entry.dagster_event.asset_check_evaluation_data.passed  # type: ignore[union-attr]
        ]
        assert "nothing_is_quarantined" in [evaluation.check_name for evaluation in failed]

    # And a person is told.
    stack.wait(lambda: bool(messages(simulator)), 90)
    [message, *_] = messages(simulator)
    assert message["text"] == "listening: 1 check failed (1 WARN)"
    assert "nothing_is_quarantined" in json.dumps(message)
    assert f"{stack.address('3000')}/runs/{run.run_id}" in json.dumps(message)

    [(plays,)] = world.rows("select count(*) from raw.plays")
    assert plays
    if WHOLE_TICKS:
        assert world.rows("select count(*) from marts.fct_plays") == [(plays,)]
    s3 = boto3.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="dagster-logs")["Contents"]]
    assert any(key.startswith(f"compute-logs/storage/{run.run_id}/compute_logs/") for key in keys), keys

    is_shown_to_viewers(stack, run.run_id)
    knows_no_more_than_it_needs(stack)


def is_shown_to_viewers(stack: Stack, run_id: str) -> None:
    """Both web servers show the run; only the one that is not read only would delete one."""
    shown = f'{{runOrError(runId: "{run_id}") {{... on Run {{status}}}}}}'
    deletion = 'mutation {deletePipelineRun(runId: "none") {__typename}}'
    for port, answer in (("3000", "RunNotFoundError"), ("3001", "UnauthorizedError")):
        address = stack.address(port)
        stack.wait(partial(answers, address))
        assert asked(address, shown)["data"]["runOrError"]["status"] == "SUCCESS"
        assert asked(address, deletion)["data"]["deletePipelineRun"]["__typename"] == answer


def knows_no_more_than_it_needs(stack: Stack) -> None:
    """Daemon and web servers are well without the pipeline's secrets, and without writing files."""
    for name in ("daemon", "web", "web-read-only"):
        assert stack.is_healthy(name), stack.logs()
        known = Path(f"/proc/{stack.processes[name].pid}/environ").read_text()
        assert stack.secret("dagster_password") in known
        for secret in ("pipeline_password", "token_encryption_key", "spotify_client_secret", "s3_pipeline"):
            assert stack.secret(secret) not in known
    # Nothing is written where the image's file system is read only; two folders are made where that is possible.
    written = {path.name for path in (stack.folder / "etc/spotify-assets").rglob("*") if path.is_file()}
    assert written == {"dagster.yaml", "workspace.yaml", "dagster_celery_config.py"}


def messages(simulator: SimulatorServer) -> list[dict[str, Any]]:
    """What was posted on Slack."""
    posted: list[dict[str, Any]] = requests.get(f"{simulator.url}/_sim/slack", timeout=10).json()["messages"]
    return posted


def answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/server_info", timeout=5).ok
    except requests.ConnectionError:
        return False


def world_now(simulator: SimulatorServer) -> datetime:
    return datetime.fromisoformat(json.loads(requests.get(simulator.clock_url, timeout=10).text)["now"])
