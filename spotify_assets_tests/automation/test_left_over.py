"""The sensor `landed_but_not_loaded`: what lies in the lake and was never loaded is asked for, and nothing else.

The runs that it asks for, by the daemon: test_by_itself.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.automation.left_over import GRACE, landed_but_not_loaded_sensor, look
from spotify_assets.automation.looks import read_cursor
from spotify_assets.clock import FixedClock
from spotify_assets.fetched import RANGE_END_TAG, RANGE_START_TAG
from spotify_assets.loaders import LOADERS
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.lake import lake_key, open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import AUDIO, as_file, as_zip, put, row
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.world import World

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PAGE = b'{"items": []}'
DAY = timedelta(days=1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(at=NOW)) as simulator:
        yield World.make(monkeypatch, warehouse, simulator, tmp_path / "home")


def land(world: World, *moments: datetime, dataset: str = "recently_played") -> list[str]:
    """Objects that nobody has loaded, as a lost Postgres leaves them."""
    keys = [lake_key(dataset, PAGE, at, "alex" if dataset == "recently_played" else None) for at in moments]
    for key in keys:
        open_lake(world.settings()).put(key, PAGE)
    return keys


def looked(world: World, now: datetime = NOW, cursor: str | None = None) -> dg.SensorResult:
    chosen = world.settings()
    return look(chosen, world.warehouse, open_lake(chosen), FixedClock(now), cursor)


def run_of(result: dg.SensorResult) -> dg.RunRequest:
    [run] = result.run_requests or []
    return run


def test_an_object_that_nobody_loaded_gets_a_run_of_its_day_whatever_the_ledger_knows(world: World) -> None:
    land(world, NOW - DAY)

    run = run_of(looked(world))

    assert (run.job_name, run.partition_key) == ("replay", "2026-03-03")


@pytest.mark.parametrize("dataset", [dataset for dataset in LOADERS if dataset != "streaming_history"])
def test_every_dataset_is_looked_at(world: World, dataset: str) -> None:
    land(world, NOW - DAY, dataset=dataset)
    assert run_of(looked(world)).partition_key == "2026-03-03"


def test_days_that_follow_each_other_are_one_run_and_the_past_is_looked_at_too(world: World) -> None:
    land(world, datetime(2026, 2, 10, tzinfo=UTC), NOW - 2 * DAY, NOW - DAY)

    first = looked(world)
    second = looked(world, NOW, first.cursor)

    assert run_of(first).partition_key == "2026-02-10"
    tags = run_of(second).tags
    assert (tags[RANGE_START_TAG], tags[RANGE_END_TAG]) == ("2026-03-02", "2026-03-03")
    third = looked(world, NOW, second.cursor)
    assert "the next one is at 2026-03-04 12:30 UTC" in str(third.skip_reason)


def test_what_is_loaded_is_not_asked_for_and_what_landed_just_now_neither(world: World) -> None:
    keys = land(world, NOW - DAY)
    LOADERS["recently_played"](world.warehouse, open_lake(world.settings()), keys)
    land(world, NOW - GRACE)

    found = looked(world)

    assert not found.run_requests
    assert found.skip_reason is not None
    assert str(found.skip_reason.skip_message).startswith("Everything that landed is loaded")
    assert run_of(looked(world, NOW + timedelta(seconds=1), found.cursor)).partition_key == "2026-03-04"


def test_an_object_that_can_t_be_read_is_in_quarantine_and_not_asked_for_again(world: World) -> None:
    [key] = land(world, NOW - DAY)
    (world.home / "lake" / key).write_bytes(b"\x1f\x8b half an object")
    LOADERS["recently_played"](world.warehouse, open_lake(world.settings()), [key])

    assert not looked(world).run_requests
    assert world.rows("select count(*) from raw.quarantine") == [(1,)]


def test_a_day_whose_runs_fail_is_asked_for_after_waits_that_double(world: World) -> None:
    land(world, NOW - DAY)
    asked, cursor = [], None
    for minutes in range(0, 600, 15):
        found = looked(world, NOW + timedelta(minutes=minutes), cursor)
        cursor = found.cursor
        if found.run_requests:
            asked.append(minutes)

    assert asked == [0, 30, 90, 210, 450]
    assert read_cursor(cursor).asked["2026-03-03"].times == 5


def test_an_export_that_nobody_loaded_gets_a_run_of_its_partition(world: World, tmp_path: Path) -> None:
    place = Place(world.warehouse, tmp_path / "before")
    place.take(put(tmp_path / "given", {"my_data.zip": as_zip({AUDIO: as_file([row(0), row(1)])})}))
    lake = open_lake(world.settings())
    for key in place.objects():
        lake.put(key, place.lake.get(key))
    with world.warehouse.connect() as connection:
        connection.execute("delete from ops.landed_objects")
    now = max(datetime.fromisoformat(key.split("date=")[1][:10]) for key in place.objects()).replace(tzinfo=UTC) + DAY

    found = looked(world, now)

    run = run_of(found)
    assert run.job_name == "history_import"
    [added] = found.dynamic_partitions_requests or []
    assert added.partition_keys == [run.partition_key]
    assert str(run.partition_key).startswith("alex-")
    assert "alex" not in str(found.cursor)


def test_days_before_lake_start_are_named_and_not_asked_for(world: World) -> None:
    land(world, datetime(2025, 12, 30, tzinfo=UTC))
    assert "set LAKE_START to 2025-12-30" in str(looked(world).skip_reason)


def test_a_lake_that_can_t_be_listed_says_so_and_the_cursor_stays(world: World) -> None:
    """A failed listing is not an empty one: what was asked for would be forgotten."""
    land(world, NOW - DAY)
    cursor = looked(world).cursor
    (world.home / "lake").rename(world.home / "elsewhere")
    world.settings()
    world.home.joinpath("history").mkdir()
    with (
        dg.DagsterInstance.local_temp(str(world.home / "history")) as instance,
        dg.build_sensor_context(instance, cursor=cursor) as context,
    ):
        said = landed_but_not_loaded_sensor()(context)

    assert isinstance(said, dg.SkipReason)
    assert str(said.skip_message).startswith("The lake")
    assert context.cursor == cursor


def test_in_a_home_in_which_nothing_was_stored_nothing_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path / "home"))
    with dg.build_sensor_context() as context:
        said = landed_but_not_loaded_sensor()(context)
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "Nothing has been stored yet."
    assert not (tmp_path / "home").exists()
