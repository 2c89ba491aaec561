"""The schedule of the ticks: when it asks for a run, and why it doesn't. Its runs by the daemon: test_by_itself.py."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.automation.listening import PATIENCE, listening_schedule
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.landing import Landing
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.ticks import tick
from spotify_assets_tests.world import World

START = datetime(2026, 3, 2, 6, 7, tzinfo=UTC)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(at=START, plays_a_day=0)) as simulator:
        yield World.make(monkeypatch, warehouse, simulator, tmp_path / "home")


def asked(world: World, **changed: str) -> dg.RunRequest | str:
    """What the schedule says now: the run that it asks for, or why it doesn't."""
    (world.home / "history").mkdir(parents=True, exist_ok=True)
    world.settings()
    for name, value in changed.items():
        world.monkeypatch.setenv(name, value)
    from spotify_assets import settings

    settings.settings.cache_clear()
    with (
        dg.DagsterInstance.local_temp(str(world.home / "history")) as instance,
        dg.build_schedule_context(instance, scheduled_execution_time=START) as context,
    ):
        said = listening_schedule()(context)
    if isinstance(said, dg.SkipReason):
        return str(said.skip_message)
    assert isinstance(said, dg.RunRequest)
    return said


def block(world: World, until: datetime) -> None:
    with world.warehouse.connect() as connection:
        connection.execute(
            "insert into ops.blocks values (%s, %s, %s)",
            (world.simulator.api_url, until, f"Spotify wants no calls until {until:%Y-%m-%d %H:%M} UTC."),
        )


def test_a_tick_is_asked_for_with_its_day_where_somebody_is_connected(world: World) -> None:
    world.login("alex")

    run = asked(world)

    assert isinstance(run, dg.RunRequest)
    assert (run.partition_key, run.tags[ASKED_ON_TAG]) == ("2026-03-02", "2026-03-02")
    assert run.run_key == START.isoformat()


def test_it_is_quiet_where_nobody_is_connected(world: World) -> None:
    assert asked(world) == "Nobody is connected: `spotify-assets login` connects a listener."


def test_it_is_quiet_in_a_home_in_which_nothing_was_stored_and_makes_nothing_there(world: World) -> None:
    reason = asked(world, DATABASE_URL="")

    assert str(reason).startswith("Nothing has been stored yet")
    assert not (world.home / "postgres").exists()


def test_it_says_that_the_client_id_is_missing(world: World) -> None:
    world.login("alex")
    assert asked(world, SPOTIFY_CLIENT_ID="") == "SPOTIFY_CLIENT_ID is not set, so Spotify can't be asked."


def test_a_tick_that_is_under_way_holds_up_one_tick_and_no_more(world: World) -> None:
    """A run whose machine died is under way for an hour, until Dagster notices."""
    world.login("alex")
    (world.home / "history").mkdir(parents=True)
    with dg.DagsterInstance.local_temp(str(world.home / "history")) as instance:
        instance.create_run_for_job(dg.job(name="listening")(lambda: None), status=dg.DagsterRunStatus.STARTED)
    now = datetime.now(UTC)
    world.at(now)
    assert asked(world) == "A run of listening is under way; the next tick asks again."
    world.at(now + PATIENCE + timedelta(minutes=1))
    assert isinstance(asked(world), dg.RunRequest)


def test_while_spotify_wants_no_calls_ticks_are_left_out_with_that_reason(world: World) -> None:
    world.login("alex")
    block(world, START + timedelta(hours=5))

    assert asked(world) == "Spotify wants no calls until 2026-03-02 11:07 UTC."

    world.at(START + timedelta(hours=5))
    assert isinstance(asked(world), dg.RunRequest)


def test_a_block_holds_up_neither_the_spool_nor_a_build_that_was_left(world: World) -> None:
    world.login("alex")
    tick(world)
    block(world, START + timedelta(hours=5))
    lake, elsewhere = world.home / "lake", world.home / "elsewhere"
    lake.rename(elsewhere)
    landed = Landing(open_lake(world.settings()), world.warehouse).land("charts", b"{}", START, None)
    assert landed.spooled
    elsewhere.rename(lake)

    assert isinstance(asked(world), dg.RunRequest)

    assert tick(world).said.startswith("Nobody was called: ")
    assert world.rows("select * from ops.spool") == []
    # What is no page of plays is left to those whose it is.
    assert world.rows("select loaded_version from ops.landed_objects where dataset = 'charts'") == [(None,)]
    assert world.rows("select * from raw.quarantine") == []
    assert str(asked(world)).startswith("Spotify wants no calls")

    with world.warehouse.connect() as connection:
        connection.execute("update ops.raw_version set version = version + 1")
    assert isinstance(asked(world), dg.RunRequest)


def test_postgres_that_is_down_is_told_by_a_run_that_fails(world: World) -> None:
    """A tick that is left out is seen by nobody; a failed run is."""
    world.login("alex")
    assert isinstance(asked(world, DATABASE_URL=f"postgresql://a:b@127.0.0.1:{free_port()}/c"), dg.RunRequest)


def test_a_simulator_that_is_gone_is_told_by_the_tick(world: World) -> None:
    world.login("alex")
    reason = asked(world, SPOTIFY_ASSETS_CLOCK=f"http://127.0.0.1:{free_port()}/clock")
    assert "does not tell the time" in str(reason)
