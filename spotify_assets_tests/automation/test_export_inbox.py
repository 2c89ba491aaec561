"""An export that is put into the inbox is taken in by Dagster's own daemon, with nobody at a terminal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.cli.runs import dagster_home
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import AUDIO, as_file, as_zip, put, row
from spotify_assets_tests.world import World

# The real sensor, asset and checks; without the models, whose builds have tests of their own.
CODE = """
import dagster as dg

from spotify_assets.automation.inbox import export_inbox_sensor
from spotify_assets.listening.exports.assets import streaming_history_asset
from spotify_assets.listening.exports.checks import export_checks
from spotify_assets.resources import resources


@dg.definitions
def defs():
    return dg.Definitions(
        assets=[streaming_history_asset()],
        asset_checks=export_checks(),
        jobs=[dg.define_asset_job("history_import", selection=dg.AssetSelection.assets("streaming_history"))],
        sensors=[export_inbox_sensor(seconds=2)],
        resources=resources(),
        executor=dg.in_process_executor,
    )
"""
PATIENCE = 180.0


def test_a_zip_in_the_inbox_is_taken_in_by_the_daemon_and_its_partition_replays(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with SimulatorServer(SimulatorConfig()) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, tmp_path / "home")
        dagster_home(world.settings())
        monkeypatch.setenv("DAGSTER_HOME", world.environment["DAGSTER_HOME"])
        (tmp_path / "location.py").write_text(CODE)
        put(world.home / "inbox/alex", {"my_data.zip": as_zip({AUDIO: as_file([row(0), row(1)])})})
        put(world.home / "inbox/alex", {"wrong.json": b"<html>"})
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with (tmp_path / "daemon.log").open("wb") as log:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("dagster-daemon"), "run", "-f", "location.py"],
                cwd=tmp_path,
                env={**plain, **world.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                with dg.DagsterInstance.get() as instance:
                    _wait_for_success(instance, tmp_path / "daemon.log")
                    _wait_for("wrong.json is a web page", tmp_path / "daemon.log")
                    [partition] = instance.get_dynamic_partitions("exports")
                    [record] = instance.get_run_records()
            finally:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert partition.startswith("alex-")
        assert record.dagster_run.tags["dagster/sensor_name"] == "export_inbox"
        assert world.rows("select user_id, count(*) from raw.streams group by 1") == [("alex", 2)]
        assert [path.name for path in (world.home / "inbox/alex").iterdir()] == ["wrong.json"]


def _wait_for(sentence: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while sentence not in log.read_text():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)


def _wait_for_success(instance: dg.DagsterInstance, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])):
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)
