"""The failure table of the design once more, with nobody's hand: one daemon, and one trouble after the other.

The rows in depth are in test_failures.py. Here the tick says what is wrong, and one of the next ticks, or a
sensor, puts it right.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import requests

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.by_itself import ByItself, by_itself
from spotify_assets_tests.databases import create_database, database_dsn
from spotify_assets_tests.test_month import show
from spotify_assets_tests.ticks import POLLS, calls, fault, no_faults, play
from spotify_assets_tests.world import World

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
Trouble = Callable[[ByItself, EmbeddedPostgres], list[str]]
GOOD = "2 of 2 listeners answered."


def plays(made: ByItself) -> int:
    [(count,)] = made.world.rows("select count(*) from raw.plays")
    return int(str(count))


def hits(made: ByItself) -> int:
    return sum(int(str(each["hits"])) for each in made.world.simulator.world.faults.listing())


def postgres_is_down(made: ByItself, server: EmbeddedPostgres) -> list[str]:
    calls(made.world)
    server.stop()
    said = made.tick()
    assert made.world.warehouse.where in said
    assert calls(made.world) == []
    server.start()
    return [said, made.tick()]


def postgres_is_lost_during_a_tick(made: ByItself, server: EmbeddedPostgres) -> list[str]:
    fault(made.world, path=POLLS, latency_seconds=8, count=2)
    made.world.at(made.next_tick())
    made.wait_for(lambda: hits(made) == 2)
    server.stop()
    made.settle()
    server.start()
    no_faults(made.world)
    said = made.said([run for run in made.runs() if run.job_name == "listening"][-1])
    # Nobody is called, so it is the sensor that loads what landed.
    until = made.now + timedelta(hours=1)
    with made.world.warehouse.connect() as connection:
        connection.execute("insert into ops.blocks values (%s, %s, 'a test')", (made.world.simulator.api_url, until))
    before = plays(made)
    made.until(until)
    assert plays(made) == before + 2
    assert made.outcomes()["replay", "SUCCESS"] >= 1
    return [said, made.tick()]


def the_lake_is_down(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    lake, elsewhere = made.world.home / "lake", made.world.home / "elsewhere"
    lake.rename(elsewhere)
    said = made.tick()
    assert "2 payloads wait in ops.spool" in said
    elsewhere.rename(lake)
    after = made.tick()
    assert made.world.rows("select count(*) from ops.spool") == [(0,)]
    return [said, after]


def the_access_token_is_refused(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    url = f"{made.world.simulator.url}/_sim/revoke"
    requests.post(url, json={"user": "alex", "access_only": True}, timeout=10).raise_for_status()
    return [made.tick()]


def a_login_is_dead(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    requests.post(f"{made.world.simulator.url}/_sim/revoke", json={"user": "bo"}, timeout=10).raise_for_status()
    said = made.tick()
    assert "spotify-assets login bo" in said
    made.world.login("bo")
    return [said, made.tick()]


def spotify_is_short_of_breath(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    fault(made.world, path=POLLS, status=429, headers={"Retry-After": "2"}, count=1)
    return [made.tick()]


def spotify_wants_no_calls_for_an_hour(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    fault(made.world, path=POLLS, status=429, headers={"Retry-After": "3600"})
    said = made.tick()
    no_faults(made.world)
    calls(made.world)
    skipped = made.tick()
    assert skipped.startswith("Skipped: ")
    assert [path for path, _ in calls(made.world) if path == POLLS] == []
    made.until(made.now + timedelta(minutes=35))
    return [said, skipped, made.tick()]


def spotify_refuses_one(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    told = []
    for status, message, remedy in (
        (403, "The user is not registered for this app", "owner adds"),
        (404, "Resource not found", "check the id"),
    ):
        body = {"error": {"status": status, "message": message}}
        fault(made.world, path=POLLS, user="bo", status=status, body=body)
        told.append(made.tick())
        assert remedy in told[-1]
        no_faults(made.world)
    return [*told, made.tick()]


def spotify_has_a_bad_moment(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    fault(made.world, path=POLLS, user="alex", status=503, count=1)
    fault(made.world, path=POLLS, user="bo", cut=True, count=1)
    return [made.tick()]


def a_field_is_missing(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    play(made.world, made.now, item={"played_at": made.now.isoformat(), "track": None, "context": None})
    said = made.tick()
    assert made.world.rows("select count(*) > 0 from raw.quarantine") == [(True,)]
    return [said]


def more_than_fifty_plays(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    play(made.world, *(made.now + timedelta(seconds=10 * number) for number in range(60)))
    said = made.tick()
    holes = made.world.rows("select count(*) from marts.coverage where not is_covered and user_id = 'alex'")
    assert holes == [(1,)]
    return [said]


def two_run_at_once(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    fault(made.world, path=POLLS, latency_seconds=5, count=2)
    made.world.at(made.next_tick())
    made.wait_for(lambda: hits(made) > 0)
    by_hand = made.world.command("poll")
    assert by_hand.returncode == 0, by_hand.stderr
    made.settle()
    no_faults(made.world)
    return [by_hand.stdout.strip(), made.tick()]


def a_run_is_killed(made: ByItself, _server: EmbeddedPostgres) -> list[str]:
    fault(made.world, path=POLLS, latency_seconds=60, count=2)
    made.world.at(made.next_tick())
    made.wait_for(lambda: hits(made) == 2)
    [killed] = made.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], job_name="listening"))
    [pid] = {entry.dagster_event.pid for entry in made.instance.all_logs(killed.run_id) if entry.dagster_event} - {None}
    os.kill(int(str(pid)), signal.SIGKILL)
    no_faults(made.world)
    # The code server sees that its child is gone. Where it went too: see test_listening.py.
    made.settle()
    run = made.instance.get_run_by_id(killed.run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    return [made.said(run), made.tick()]


TROUBLES: dict[str, Trouble] = {
    "Postgres is down when a tick starts": postgres_is_down,
    "Postgres is lost during a tick": postgres_is_lost_during_a_tick,
    "the lake is down": the_lake_is_down,
    "401": the_access_token_is_refused,
    "400 invalid_grant": a_login_is_dead,
    "429, short": spotify_is_short_of_breath,
    "429, long": spotify_wants_no_calls_for_an_hour,
    "403, 404": spotify_refuses_one,
    "5xx, a cut connection": spotify_has_a_bad_moment,
    "a field is missing": a_field_is_missing,
    "more than 50 plays": more_than_fifty_plays,
    "two at once": two_run_at_once,
    "a run is killed": a_run_is_killed,
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(tmp_path / "postgres")
    postgres.start()
    yield postgres
    postgres.destroy()


@contextmanager
def a_world(monkeypatch: pytest.MonkeyPatch, server: EmbeddedPostgres, home: Path) -> Iterator[World]:
    create_database(server, "fragile")
    warehouse = Warehouse(database_dsn(server, "fragile"))
    warehouse.migrate()
    config = SimulatorConfig(listeners=("alex", "bo"), at=START, plays_a_day=0, short_pages=0)
    with SimulatorServer(config) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, home, LAKE_URL=str(home / "lake"))
        for user in ("alex", "bo"):
            world.login(user)
            play(world, START - timedelta(hours=1), user_id=user)
        yield world


@pytest.mark.soak
def test_each_trouble_is_told_and_put_right_by_itself(
    monkeypatch: pytest.MonkeyPatch, server: EmbeddedPostgres, tmp_path: Path
) -> None:
    told: list[tuple[str, str]] = []
    given = 2
    with a_world(monkeypatch, server, tmp_path / "home") as world, by_itself(world) as made:
        assert made.tick() == GOOD
        for name, trouble in TROUBLES.items():
            for user in ("alex", "bo"):
                play(world, made.now - timedelta(seconds=1), user_id=user)
            given += 2
            said = trouble(made, server)
            told += [(name if number == 0 else "", sentence[:300]) for number, sentence in enumerate(said)]
            assert said[-1] == GOOD, (name, said)
            assert plays(made) >= given - (2 if name == "a field is missing" else 0), name
        show("each row of the failure table, by the daemon", ["trouble", "what the ticks said"], told)
        assert world.rows("select count(*) from raw.plays") == world.rows("select count(*) from marts.fct_plays")
