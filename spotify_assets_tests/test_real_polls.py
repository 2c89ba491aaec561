"""A week of real polls of a real account, one tick each, and what it must equal."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from spotify_assets.listening.ledger import DATASET
from spotify_assets.listening.loading import load_objects
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.replay import RecordedPoll, recorded_polls
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.sizes import size
from spotify_assets_tests.world import World, snapshot

FILE = "api/recently_played_polls_2022-09-01_to_07.jsonl.xz"
LAKE_START = "2022-08-31"
STORED = """
    select to_char(played_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), track_id
    from raw.plays
    order by played_at, track_id
"""


def pairs(polls: list[RecordedPoll]) -> list[tuple[object, ...]]:
    """The distinct (played_at, track id) of the recorded pages, counted without the project's parser."""
    items = [item for poll in polls for item in json.loads(poll.body)["items"]]
    return sorted({(item["played_at"], item["track"]["id"]) for item in items})


def late(polls: list[RecordedPoll]) -> int:
    """How many plays appear for the first time although a newer one had been seen before."""
    seen: set[tuple[str, str]] = set()
    newest, count = "", 0
    for poll in polls:
        page = {(item["played_at"], item["track"]["id"]) for item in json.loads(poll.body)["items"]}
        count += sum(1 for at, _ in page - seen if at < newest) if seen else 0
        seen |= page
        newest = max(newest, *(at for at, _ in page))
    return count


def loads_shuffled(world: World) -> None:
    """Loads the lake in random order, in two halves, each built in the soak."""
    keys = list(open_lake(world.settings()).list(f"{DATASET}/"))
    random.Random(9).shuffle(keys)  # noqa: S311
    for half in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
        load_objects(world.warehouse, open_lake(world.settings()), half)
        if size(False, True):
            world.build()


def test_each_real_poll_is_a_tick_and_no_play_is_lost_or_doubled(
    monkeypatch: pytest.MonkeyPatch, new_warehouse: Callable[[], Warehouse], real_data: Path, tmp_path: Path
) -> None:
    """Live = every tick twice = replayed into an empty database = loaded in random order: all rows, all columns.

    `make soak` does it with all 307 polls, each tick twice in the other installation, and builds on the way.
    `make test` does it with the twelve around the first late play, of which four run twice, and builds the marts of
    the live ones only. Some live ticks of the soak are runs of Dagster, all others the code below it.
    """
    polls = recorded_polls(real_data / FILE)[size(slice(26, 38), slice(307))]
    with SimulatorServer(SimulatorConfig(replay=real_data / FILE, at=polls[0].polled_at)) as simulator:

        def installation(home: str) -> World:
            return World.make(monkeypatch, new_warehouse(), simulator, tmp_path / home, LAKE_START=LAKE_START)

        live, twice = installation("live"), installation("twice")
        for world in (live, twice):
            world.login("alex")
        ticked_twice = size(4, len(polls))
        for number, poll in enumerate(polls):
            live.at(poll.polled_at)
            if size(False, number % 30 == 0):
                live.tick()
            else:
                live.tick_without_dagster(build=number % 70 == 69)
            if number < ticked_twice:
                for _ in range(2):
                    twice.tick_without_dagster(build=False)
            if number == ticked_twice - 1:
                for world in size((), (live, twice)):
                    world.build()
                assert snapshot(twice.warehouse) == snapshot(live.warehouse)
        live.build()
        assert live.rows(STORED) == pairs(polls)
        assert (len(polls), len(pairs(polls)), late(polls)) == size((12, 99, 1), (307, 223, 3))

        replayed = installation("live")  # the same home, so the same lake, and an empty database
        replayed.login("alex")  # the login and the time zone were in the lost database
        size(replayed.load_the_lake, replayed.replay)()

        shuffled = installation("live")
        shuffled.login("alex")
        loads_shuffled(shuffled)

        assert live.rows("select count(*) from marts.fct_plays") == [(len(pairs(polls)),)]
        schemas = size(("raw",), ("raw", "intermediate", "marts"))
        expected = snapshot(live.warehouse, *schemas)
        assert snapshot(replayed.warehouse, *schemas) == expected
        assert snapshot(shuffled.warehouse, *schemas) == expected
