"""docs/deploying.md's way from one machine into containers, and from a backup into a new installation."""

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import dagster as dg
import pytest

from spotify_assets.cli.runs import dagster_home
from spotify_assets.deployment.move_history import move
from spotify_assets.errors import UserError
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.conftest import use_s3
from spotify_assets_tests.deployment.conftest import MakeStack, dump, move_database, restore
from spotify_assets_tests.deployment.stack import Stack
from spotify_assets_tests.world import World, snapshot

SCHEMAS = ("raw", "ops", "staging", "intermediate", "marts")
PYTHON = ("with-secrets", "python", "-m")


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorConfig()) as server:
        yield server


def history(instance: dg.DagsterInstance) -> dict[str, object]:
    """What the UI shows of a history, without the numbers that storages give."""
    checks = dg.AssetCheckKey(dg.AssetKey("raw_plays"), "nothing_is_quarantined")
    latest = instance.get_latest_materialization_event(dg.AssetKey("raw_plays"))
    records = sorted(instance.get_run_records(), key=lambda record: record.dagster_run.run_id)
    return {
        "runs": [
            (each.dagster_run.run_id, each.dagster_run.status, each.start_time, each.end_time) for each in records
        ],
        "tags": [dict(each.dagster_run.tags) for each in records],
        "created": [each.create_timestamp.timestamp() for each in records],
        "events": [
            [dg.serialize_value(entry) for entry in instance.all_logs(each.dagster_run.run_id)] for each in records
        ],
        "plans": [instance.get_job_snapshot(each.dagster_run.job_snapshot_id or "").snapshot_id for each in records],
        "latest": latest and dg.serialize_value(latest),
        "check": [
            (each.status, each.run_id)
            for each in instance.event_log_storage.get_asset_check_execution_history(checks, limit=9)
        ],
        "partitions": sorted(instance.get_dynamic_partitions("exports")),
        "states": [dg.serialize_value(state) for state in instance.all_instigator_state()],
        "ticks": [
            dg.serialize_value(tick.tick_data)
            for state in instance.all_instigator_state()
            for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
        ],
    }


def bucket_of_its_own(stack: Stack, name: str) -> None:
    """All stacks of a session share one S3 server, so each gets another bucket."""
    stack.addresses["s3://listening/lake"] = f"s3://{name}/lake"


def in_the_place_of(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """Opens the stack's Dagster in this process."""
    for name, value in stack.environment("daemon").items():
        if name.startswith("DAGSTER_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", stack.secret("dagster_password"))
    return dg.DagsterInstance.get()


def dagster_url(stack: Stack) -> str:
    return f"postgresql://dagster:{stack.secret('dagster_password')}@127.0.0.1:{stack.addresses['5432']}/dagster"


@pytest.mark.soak
def test_a_local_installation_moves_into_containers_and_a_backup_of_those_into_new_ones(
    make_stack: MakeStack,
    simulator: SimulatorServer,
    new_warehouse: Callable[[], Warehouse],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    local = World.make(monkeypatch, new_warehouse(), simulator, tmp_path / "local")
    local.login("alex")
    local.tick(["raw_plays"])
    local.tick(["raw_plays"])
    home = dagster_home(local.settings())
    with dg.DagsterInstance.from_config(str(home)) as old:
        old.add_dynamic_partitions("exports", ["alex-0123456789ab"])
        before = history(old)
    rows = snapshot(local.warehouse, *SCHEMAS)
    assert len(before["runs"]) == 2  # type: ignore[arg-type]

    # Into containers: key, warehouse, lake, history.
    stack = make_stack()
    bucket_of_its_own(stack, "moved")
    use_s3(monkeypatch, stack.here("http://s3:8333"))
    (stack.folder / "run/secrets/token_encryption_key").write_text(local.environment["TOKEN_ENCRYPTION_KEY"])
    move_database(local.warehouse.dsn, stack.secret("database_url"))
    lake = str(local.home / "lake")
    said = stack.run("cli", *PYTHON, "spotify_assets.deployment.copy_lake", lake, "s3://listening/lake")
    landed = len(list((local.home / "lake").rglob("*.json.gz")))
    assert said.splitlines()[-1] == f"Copied {landed} objects; 0 were there."
    said = stack.run("cli", *PYTHON, "spotify_assets.deployment.move_history", str(home))
    assert "Moved: 2 runs, " in said
    with in_the_place_of(stack, monkeypatch) as new:
        assert history(new) == before
        with dg.DagsterInstance.from_config(str(home)) as old, pytest.raises(UserError, match="is not empty"):
            move(old, new)
    moved = Warehouse(stack.secret("database_url"))
    assert snapshot(moved, *SCHEMAS) == rows

    # The login came along, and the next answer lands in the bucket.
    outside = {"LAKE_URL": "s3://moved/lake", "TOKEN_ENCRYPTION_KEY": stack.secret("token_encryption_key")}
    contained = World.make(monkeypatch, moved, simulator, tmp_path / "contained", **outside)
    assert contained.tick_without_dagster(build=False).failures == []
    objects = boto3.client("s3").list_objects_v2(Bucket="moved", Prefix="lake/recently_played/")["KeyCount"]
    assert objects == landed + 1

    # A backup, and a new installation out of it.
    rows = snapshot(moved, *SCHEMAS)
    secrets = {path.name: path.read_text() for path in (stack.folder / "run/secrets").iterdir()}
    backup = tmp_path / "backup"
    stack.run("cli", *PYTHON, "spotify_assets.deployment.copy_lake", "s3://listening/lake", str(backup))
    dumps = {
        name: dump(url) for name, url in (("spotify", stack.secret("database_url")), ("dagster", dagster_url(stack)))
    }
    restored = make_stack()
    bucket_of_its_own(restored, "restored")
    (restored.folder / "run/secrets/token_encryption_key").write_text(secrets["token_encryption_key"])
    restore(dumps["spotify"], restored.secret("database_url"))
    restore(dumps["dagster"], dagster_url(restored))
    said = restored.run("cli", *PYTHON, "spotify_assets.deployment.copy_lake", str(backup), "s3://listening/lake")
    assert said.splitlines()[-1] == f"Copied {objects} objects; 0 were there."
    assert snapshot(Warehouse(restored.secret("database_url")), *SCHEMAS) == rows
    with in_the_place_of(restored, monkeypatch) as instance:
        assert history(instance) == before
