"""`spotify-assets listeners remove`: who leaves is gone from every place, and everybody else's rows are as if she had
never been there."""

import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill  # Dagster shows no other way to one

from spotify_assets.listeners import erasure, files, history, rows
from spotify_assets.modelling.builds import BuildLock
from spotify_assets.modelling.session import BuildSession
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.folder_lake import FolderLake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listeners.leaving import (
    BETWEEN_TICKS,
    LEAVER,
    PARTITIONS,
    START,
    STAYER,
    account_of,
    command,
    partitions_in_dagster,
    traces,
    two_listeners,
)
from spotify_assets_tests.test_two_at_once import wait_until
from spotify_assets_tests.ticks import POLLS, fault
from spotify_assets_tests.world import World, snapshot

ERASE = ("listeners", "remove", LEAVER, "--erase", "--yes")
_numbers = count(1)

NewWarehouse = Callable[[], Warehouse]


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorConfig(at=START, listeners=("alex", "wanda"))) as server:
        yield server


@pytest.fixture
def world(
    monkeypatch: pytest.MonkeyPatch, new_warehouse: NewWarehouse, simulator: SimulatorServer, tmp_path: Path
) -> World:
    monkeypatch.setattr(history, "partition_sets", lambda: [PARTITIONS])
    return World.make(monkeypatch, new_warehouse(), simulator, tmp_path)


def assert_as_if_never_there(world: World, new_warehouse: NewWarehouse) -> None:
    """The warehouse equals a replay of the lake into an empty one."""
    replayed = World.make(
        world.monkeypatch, new_warehouse(), world.simulator, world.home,
        **{name: world.environment[name] for name in ("LAKE_URL", "TOKEN_ENCRYPTION_KEY") if name in world.environment},
    )  # fmt: skip
    replayed.login(STAYER, "alex")
    replayed.replay_without_dagster()
    assert world.rows("select count(*) from marts.fct_plays")[0] > (0,)
    assert snapshot(replayed.warehouse) == snapshot(world.warehouse)
    assert world.rows("select play_count from ops.raw_version") == world.rows("select count(*) from raw.plays")
    assert world.rows("select stream_count from ops.raw_version") == world.rows("select count(*) from raw.streams")
    world.settings()


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_who_is_erased_is_gone_and_the_others_rows_are_as_if_she_had_never_been_there(
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    new_warehouse: NewWarehouse,
    simulator: SimulatorServer,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(history, "partition_sets", lambda: [PARTITIONS])
    extra = {}
    if kind == "s3":
        request.getfixturevalue("s3_environment")
        extra = {"LAKE_URL": f"s3://leaving-{next(_numbers)}/some/prefix"}
    world = World.make(monkeypatch, new_warehouse(), simulator, tmp_path, **extra)
    two_listeners(world, in_dagster=kind == "folder")
    partitions_in_dagster(world)
    world.tick(only=["stg_plays"])
    with dg.DagsterInstance.get() as instance:
        unnamed = [record.dagster_run.run_id for record in instance.get_run_records(limit=1)]
    account = account_of(world, LEAVER)
    tracks = {str(track) for (track,) in world.rows("select track_id from raw.tracks")}
    of_stayer = {str(t) for (t,) in world.rows("select track_id from raw.plays where user_id = %s", (STAYER,))}
    of_leaver = {str(t) for (t,) in world.rows("select track_id from raw.plays where user_id = %s", (LEAVER,))}
    assert of_stayer & of_leaver, "they share tracks"
    assert of_leaver - of_stayer, "and she has some of her own"
    assert len(traces(world, account)) > 10

    said = command(world, *ERASE)

    assert said.code == 0, said.text
    assert traces(world, account) == []
    for place in ("raw.plays", "marts.fct_plays", "ops.spool", "ops.of_tomorrow", "ops.weekly_digests", "the lake"):
        assert place in said.text
    assert "Postgres' write-ahead log" in said.text
    assert f"Nothing of {LEAVER} is left" in said.text
    assert {str(track) for (track,) in world.rows("select track_id from raw.tracks")} == tracks - (
        of_leaver - of_stayer
    )
    assert {user for (user,) in world.rows("select user_id from ops.requests")} == {None, STAYER}
    assert world.rows("select user_id from ops.of_tomorrow") == [(STAYER,)]
    with dg.DagsterInstance.get() as instance:
        assert list(instance.get_dynamic_partitions(PARTITIONS)) == [f"{STAYER}-0123456789ab"]
        assert [record.dagster_run.run_id for record in instance.get_run_records()] == unnamed
    assert_as_if_never_there(world, new_warehouse)
    again = command(world, *ERASE)
    assert again.code == 0
    assert f"Nothing of {LEAVER} was found" in again.text
    world.at(START + 3 * BETWEEN_TICKS)
    assert "1 of 1 listeners answered" in world.tick()
    assert traces(world, account) == []


class Killed(BaseException):
    """Stands for a kill: nothing of this program catches it."""


def dies_after(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, times: int = 1) -> None:
    """The process dies after the given call of a function, once."""
    original = getattr(owner, name)
    left = [times]

    def dying(*args: object, **kwargs: object) -> object:
        result = original(*args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            raise Killed(name)
        return result

    monkeypatch.setattr(owner, name, dying)


# In the order in which an erasure comes to them.
MOMENTS: list[tuple[object, str, int]] = [
    (rows, "forget_login", 1),
    (FolderLake, "delete_folder", 1),
    (files, "delete_from_lake", 1),
    (rows, "forget_rows", 1),
    (BuildLock, "release", 1),
    (erasure.Erasure, "_take", 1),
    (files, "delete_inbox", 1),
    (dg.DagsterInstance, "wipe_assets", 1),
    (dg.DagsterInstance, "delete_run", 1),
    (history.History, "delete", 1),
    (BuildSession, "audit", 1),
    (BuildSession, "marts", 1),
    (rows, "forget_name", 1),
    (rows, "vacuum", 1),
]


@pytest.mark.soak
@pytest.mark.parametrize("between", ["nothing", "ticks"])
def test_an_erasure_that_dies_anywhere_and_is_run_again_completes(
    world: World, new_warehouse: NewWarehouse, between: str
) -> None:
    """It dies at one moment after the other; in between either nothing happens, or the ticks go on."""
    two_listeners(world, in_dagster=between == "nothing")
    partitions_in_dagster(world)
    account = account_of(world, LEAVER)
    died_after = []
    for number, (owner, name, times) in enumerate(MOMENTS, 1):
        with pytest.MonkeyPatch.context() as once:
            dies_after(once, owner, name, times)
            try:
                command(world, *ERASE)
            except Killed:
                died_after.append(name)
        if between == "ticks":
            world.at(START + (2 + number) * BETWEEN_TICKS)
            done = world.tick_without_dagster(build=number % 3 == 0)
            # The first death undid all that had been done.
            assert sorted(polled.user_id for polled in done.polled) == [STAYER, LEAVER][: 2 if number == 1 else 1]
    missed = {name for _, name, _ in MOMENTS} - set(died_after)
    # Without runs none are deleted.
    assert missed == (set() if between == "nothing" else {"wipe_assets", "delete_run"})

    said = command(world, *ERASE)

    assert said.code == 0, said.text
    assert traces(world, account) == []
    world.build()
    assert_as_if_never_there(world, new_warehouse)


@pytest.mark.soak
def test_a_killed_erasure_and_a_tick_that_waits_for_one(world: World, new_warehouse: NewWarehouse) -> None:
    """A real SIGKILL while it deletes rows. While it runs again a tick begins: it waits, and brings nobody back."""
    two_listeners(world, in_dagster=False)
    account = account_of(world, LEAVER)
    with world.warehouse.connect() as slow:
        slow.execute("lock table raw.plays in share mode")
        erasing = world.start(*ERASE)
        wait_until(lambda: bool(world.rows("select 1 from pg_locks where not granted")))
        erasing.kill()
        assert erasing.wait() == -signal.SIGKILL
    assert traces(world, account) != []
    world.at(START + 3 * BETWEEN_TICKS)
    with world.warehouse.connect() as slow:
        slow.execute("lock table raw.plays in share mode")
        erasing = world.start(*ERASE)
        wait_until(lambda: bool(world.rows("select 1 from pg_locks where not granted")))
        tick = world.start("poll")
        waiting = "select 1 from pg_locks where not granted and locktype = 'advisory'"
        wait_until(lambda: bool(world.rows(waiting)))
    said, problem = erasing.communicate(timeout=120)
    assert erasing.returncode == 0, said + problem
    said, problem = tick.communicate(timeout=120)
    assert (tick.returncode, said[:27]) == (0, "1 of 1 listeners answered. "), problem
    assert traces(world, account) == []
    assert_as_if_never_there(world, new_warehouse)


@pytest.mark.soak
def test_a_tick_that_polls_lands_what_it_got_before_the_erasure_begins(
    world: World, new_warehouse: NewWarehouse, simulator: SimulatorServer
) -> None:
    """Spotify takes its time to answer for her while she is erased: the answer must not stay."""
    world.login(LEAVER, "wanda")
    world.login(STAYER, "alex")
    account = account_of(world, LEAVER)
    fault(world, path=POLLS, latency_seconds=3)
    tick = world.start("poll")
    wait_until(lambda: bool(world.rows("select 1 from pg_locks where locktype = 'advisory' and mode = 'ShareLock'")))

    said = command(world, *ERASE)

    assert said.code == 0, said.text
    out, problem = tick.communicate(timeout=120)
    assert tick.returncode == 0, out + problem
    assert "2 of 2 listeners" in out
    assert traces(world, account) == []
    assert_as_if_never_there(world, new_warehouse)


@pytest.mark.soak
def test_what_stands_in_the_way_of_an_erasure_is_said_and_the_rest_is_done(
    world: World, new_warehouse: NewWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test of the models fails, a run is under way, and Dagster's Postgres names her in a backfill."""
    monkeypatch.setattr(history, "_PATIENCE", 0.0)
    world.login(LEAVER, "wanda")
    world.login(STAYER, "alex")
    account = account_of(world, LEAVER)
    world.tick_without_dagster(build=False)
    with world.warehouse.connect() as connection:
        connection.execute("insert into raw.plays values (%s, %s, '', 'album', null, 'key')", (STAYER, START))
    inbox, log = world.home / "inbox" / LEAVER / "history.json", world.home / "dbt" / "code" / "dbt.log"
    for path in (inbox, log):
        path.parent.mkdir(parents=True)
        path.write_text(f"Key (user_id)=({LEAVER}) is missing")
    of_dagster = new_warehouse()
    home = world.home / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(f"storage:\n  postgres:\n    postgres_url: {of_dagster.dsn}\n")
    world.settings()
    with dg.DagsterInstance.get() as instance:
        run = instance.add_run(
            dg.DagsterRun("poll", status=dg.DagsterRunStatus.STARTED, tags={"of": LEAVER}),
        )
        instance.add_backfill(
            PartitionBackfill("key-of-it", BulkActionStatus.COMPLETED_SUCCESS, False, {}, 0.0, title=f"{LEAVER} again")
        )

    said = command(world, *ERASE)

    assert said.code == 1
    assert "stg_plays_track_key_is_not_empty" in said.text
    assert f"an hour after it began: {run.run_id}." in said.text
    assert "delete from bulk_actions where key in ('key-of-it')" in said.text
    assert f"Nothing of {LEAVER}" not in said.text
    assert not inbox.exists()
    assert not log.exists()
    with dg.DagsterInstance.get() as instance:
        assert instance.has_run(run.run_id), "it writes on"
        instance.report_run_canceled(run)
    with of_dagster.connect() as connection:
        connection.execute("delete from bulk_actions where key in ('key-of-it')")
    with world.warehouse.connect() as connection:
        connection.execute("delete from raw.plays where track_id = ''")

    said = command(world, *ERASE)

    assert said.code == 0, said.text
    assert f"Nothing of {LEAVER} is left" in said.text
    assert traces(world, account) == []
