"""The nightly audit: it finds what is wrong anywhere in what is stored, and changes nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.automation.nightly import nightly_audit_schedule
from spotify_assets.cli.runs import run_job
from spotify_assets.definitions import defs
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.lake import lake_key, open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World, snapshot

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
TOLD_BY_THE_FETCH = {"every_listener_polled", "spotify_answered", "musicbrainz_answered", "first_source_answered"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(at=NOW)) as simulator:
        made = World.make(monkeypatch, warehouse, simulator, tmp_path / "home")
        made.login("alex")
        made.tick_without_dagster()
        yield made


def test_every_check_reads_all_rows_and_what_is_wrong_is_named_and_left_as_it_is(world: World) -> None:
    lake = open_lake(world.settings())
    lake.put(lake_key("charts", b"{}", NOW, None), b"{}")
    [lost] = lake.list("recently_played/")
    (world.home / "lake" / lost).unlink()
    with world.warehouse.connect() as connection:
        connection.execute("update ops.raw_version set play_count = play_count + 1")
        connection.execute(
            "update marts.fct_plays set is_counted = null where play_id = (select min(play_id) from marts.fct_plays)"
        )
    before = snapshot(world.warehouse, "raw", "intermediate", "marts", "ops")

    result = run_job("nightly_audit", world.settings(), tags={})

    evaluations = {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation
        for evaluation in result.get_asset_check_evaluations()
    }
    wanted = {
        (spec.asset_key.to_user_string(), spec.name)
        for holder in [*(defs().assets or []), *(defs().asset_checks or [])]
        if isinstance(holder, dg.AssetsDefinition)
        for spec in holder.check_specs
        if spec.name not in TOLD_BY_THE_FETCH
    }
    assert set(evaluations) == wanted
    said = {asset: evaluations[asset, "lake_and_ledger_agree"].description for asset in ("raw_plays", "global_top_50")}
    assert str(said["raw_plays"]).startswith("1 objects that were loaded are not in the lake any more")
    assert "the loads have counted" in str(said["raw_plays"])
    assert str(said["global_top_50"]).startswith("1 of 1 landed objects are not loaded")
    wrong = {name for (asset, name), found in evaluations.items() if asset == "fct_plays" and not found.passed}
    assert len(wrong) > 0, "a nightly test of dbt reads rows that no build has touched"
    after = snapshot(world.warehouse, "raw", "intermediate", "marts", "ops")
    assert {table for table in before if before[table] != after[table]} == set()


def test_it_is_quiet_where_nothing_was_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path / "home"))
    with dg.build_schedule_context(scheduled_execution_time=NOW) as context:
        said = nightly_audit_schedule()(context)
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "Nothing has been stored yet."
