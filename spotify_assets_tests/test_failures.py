"""What must hold when things go wrong, with the real thing broken: the failure table of the design, row by row.

Ticks here leave the models out (see `ticks.py`), except where dbt is what Postgres is taken from.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import dagster as dg
import pytest
import requests
from moto.server import ThreadedMotoServer

from spotify_assets import resources
from spotify_assets.errors import LakeUnavailable
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.listening import loading
from spotify_assets.listening.pages import Page, read_page
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify import access
from spotify_assets.spotify.client import SpotifyClient
from spotify_assets.spotify.exchange import Limits
from spotify_assets.spotify.governor import Governor
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.databases import create_database, database_dsn
from spotify_assets_tests.listening.exports.made_up import as_file, put, row
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.sizes import size
from spotify_assets_tests.test_two_at_once import wait_until
from spotify_assets_tests.ticks import POLLS, TOKENS, calls, failure, fault, no_faults, play, tick
from spotify_assets_tests.world import World, snapshot

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_numbers = count(1)

NewWorld = Callable[..., World]


# The parts of the harness that only these tests need.


@pytest.fixture
def simulators() -> Iterator[Callable[..., SimulatorServer]]:
    """Starts simulators whose listeners play only what a test gives them; they stop after the test."""
    started: list[SimulatorServer] = []

    def start(*listeners: str, **config: object) -> SimulatorServer:
        names = listeners or ("alex",)
        wanted = {"at": START, "plays_a_day": 0.0, "short_pages": 0.0, **config}
        started.append(SimulatorServer(SimulatorConfig(listeners=names, **wanted)))  # type: ignore[arg-type]
        return started[-1].__enter__()

    yield start
    for simulator in started:
        simulator.__exit__(None, None, None)


@pytest.fixture
def new_world(monkeypatch: pytest.MonkeyPatch, new_warehouse: Callable[[], Warehouse], tmp_path: Path) -> NewWorld:
    """Makes installations whose listeners are connected and have three plays each."""

    def make(simulator: SimulatorServer, warehouse: Warehouse | None = None, **extra: str) -> World:
        home = tmp_path / f"home_{next(_numbers)}"
        world = World.make(monkeypatch, warehouse or new_warehouse(), simulator, home, **{"LAKE_URL": "", **extra})
        for listener in simulator.world.accounts:
            world.login(listener)
        return world

    return make


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    """What a command that failed left on standard error, which must be one line for a person, and exit 1."""
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    line = done.stderr.strip()
    assert line.startswith("spotify-assets: ")
    return line


def waits(world: World) -> int:
    [(waiting,)] = world.rows("select count(*) from ops.spool")
    return int(str(waiting))


def status_of(world: World, user_id: str) -> object:
    [(status,)] = world.rows("select status from ops.listeners where user_id = %s", (user_id,))
    return status


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits before another try take a hundredth of their time, reading half a second; returns the waits asked for."""
    asked: list[float] = []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        time.sleep(seconds / 100)

    quick = partial(SpotifyClient, sleep=sleep, limits=Limits(connect=2, read=0.5))
    monkeypatch.setattr(access, "SpotifyClient", quick)
    # The clock stands still in these tests, so the gate waits out once more what the client has.
    monkeypatch.setattr(access, "Governor", partial(Governor, sleep=lambda seconds: time.sleep(seconds / 100)))
    return asked


# Postgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres that tests may stop."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("stopped_postgres"))
    yield postgres
    postgres.destroy()


@pytest.fixture
def fragile(server: EmbeddedPostgres) -> Warehouse:
    """A warehouse on that server, which runs."""
    server.start()
    name = f"fragile_{next(_numbers)}"
    create_database(server, name)
    warehouse = Warehouse(database_dsn(server, name))
    warehouse.migrate()
    return warehouse


def stay_away(world: World, until: datetime) -> None:
    """Nobody is called until then, so that what loads comes from the lake."""
    with world.warehouse.connect() as connection:
        connection.execute("insert into ops.blocks values (%s, %s, 'a test')", (world.simulator.api_url, until))


def test_postgres_stopped_before_a_tick_calls_nobody_and_is_one_clear_line(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], server: EmbeddedPostgres, fragile: Warehouse
) -> None:
    world = new_world(simulators(), fragile)
    play(world, START)
    calls(world)
    server.stop()

    line = one_line(world.command("poll"))

    assert fragile.where in line
    assert "start it" in line
    assert calls(world) == []
    server.start()
    assert tick(world).new == 1


def test_answers_under_way_when_postgres_is_lost_land_and_load_days_later_from_a_listing_of_the_lake(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], server: EmbeddedPostgres, fragile: Warehouse
) -> None:
    """Twenty listeners, sixteen of whom are being asked: the other four are not, and nothing else is tried."""
    listeners = [f"user{number:02}" for number in range(20)]
    simulator = simulators(*listeners)
    world = new_world(simulator, fragile)
    assert tick(world).pages == 20
    world.at(START + HOUR / 2)
    for listener in listeners:
        play(world, START, user_id=listener)
    fault(world, path=POLLS, latency_seconds=3)
    calls(world)

    process = world.start("poll")
    wait_until(lambda: simulator.world.faults.listing()[0]["hits"] == 16)
    server.stop()
    out, err = process.communicate(timeout=60)

    line = one_line(subprocess.CompletedProcess((), process.returncode, out, err))
    assert fragile.where in line
    assert calls(world) == [(POLLS, 200)] * 16
    server.start()
    landed = list(open_lake(world.settings()).list("recently_played/"))
    assert len(landed) == 20 + 16
    assert world.rows("select count(*) from ops.landed_objects") == [(20,)]
    later = START + 3 * DAY
    stay_away(world, later + DAY)
    world.at(later)
    assert (tick(world).new, calls(world)) == (16, [])
    assert world.rows("select lake_key from ops.landed_objects order by 1") == [(key,) for key in landed]


def test_postgres_lost_in_the_middle_of_a_load_costs_nothing(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], server: EmbeddedPostgres, fragile: Warehouse
) -> None:
    world = new_world(simulators(), fragile)
    play(world, START - HOUR, START)
    with fragile.connect() as other_load:
        other_load.execute("select version from ops.raw_version for update")
        process = world.start("poll")
        wait_until(lambda: bool(world.rows("select 1 from pg_locks where not granted")))
        server.stop()
        out, err = process.communicate(timeout=60)
        other_load.close()

    assert "went away" in one_line(subprocess.CompletedProcess((), process.returncode, out, err))
    server.start()
    assert world.rows("select * from raw.plays") == []
    stay_away(world, START + DAY)
    assert tick(world).new == 2


@pytest.mark.soak
def test_postgres_lost_in_the_middle_of_an_import_is_one_sentence_and_the_rerun_completes(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], server: EmbeddedPostgres, fragile: Warehouse,
    tmp_path: Path,
) -> None:  # fmt: skip
    world = new_world(simulators(), fragile)
    files = {f"Streaming_History_Audio_{n}.json": as_file([row(n), row(n + 10)]) for n in range(3)}
    folder = put(tmp_path / "given", files)
    with fragile.connect() as other_load:
        other_load.execute("select version from ops.raw_version for update")
        process = world.start("import", "alex", str(folder))
        wait_until(lambda: bool(world.rows("select 1 from pg_locks where not granted")))
        server.stop()
        _, err = process.communicate(timeout=60)
        other_load.close()

    assert process.returncode == 1
    [said] = [line for line in err.splitlines() if line.startswith("spotify-assets: ")]
    assert "went away" in said
    assert "Traceback" not in err
    server.start()
    assert world.command("import", "alex", str(folder)).returncode == 0
    assert world.rows("select count(*), count(distinct file_hash) from raw.streams") == [(6, 3)]
    assert len(list(open_lake(world.settings()).list("streaming_history/"))) == 4, "three files and their list, once"


def test_a_disk_that_fills_up_in_the_middle_of_an_import_is_one_sentence_and_the_rerun_completes(
    new_warehouse: Callable[[], Warehouse], tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        files = {
            f"Streaming_History_Audio_{n}.json": as_file(
                [row(n * 1000 + each, master_metadata_track_name=os.urandom(60).hex()) for each in range(500)]
            )
            for n in range(4)
        }
        folder = put(tmp_path / "given", files)
        place = Place(new_warehouse(), disk)
        with pytest.raises(LakeUnavailable, match="No space left"):
            place.take(folder)
        landed = len(place.objects())
        assert 0 < landed < 5
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        place.take(folder)
        expected = Place(new_warehouse(), tmp_path / "in_peace")
        expected.take(folder)
        assert place.raw() == expected.raw()
        assert len(place.objects()) == 5, "nothing is stored twice"
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.soak
def test_postgres_lost_while_dbt_builds_leaves_the_last_good_mart(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], server: EmbeddedPostgres, fragile: Warehouse
) -> None:
    """The next tick finds nothing new at Spotify, and completes the marts all the same."""
    world = new_world(simulators(), fragile)
    play(world, START - HOUR)
    world.tick_without_dagster()
    last_good = world.rows("select * from marts.fct_plays")
    world.at(START + HOUR)
    play(world, START + HOUR)
    with fragile.connect() as reader:
        reader.execute("lock table marts.fct_plays in share mode")
        process = world.start("poll")
        wait_until(lambda: bool(world.rows("select 1 from pg_locks where not granted")))
        server.stop()
        out, err = process.communicate(timeout=60)
        reader.close()

    one_line(subprocess.CompletedProcess((), process.returncode, out, err))
    server.start()
    assert world.rows("select * from marts.fct_plays") == last_good
    assert "0 new plays" in world.tick()
    assert world.rows("select count(*) from marts.fct_plays") == [(2,)]


# The lake


@dataclass(frozen=True)
class Fragile:
    """A lake that can be taken away and put back, and what its world needs in the environment."""

    environment: dict[str, str]
    take_away: Callable[[], object]
    put_back: Callable[[], object]


def replaced_by_a_file(folder: Path) -> Iterator[Fragile]:
    lake = folder / "lake"

    def take_away() -> None:
        lake.rename(folder / "elsewhere")
        lake.write_text("a file")

    def put_back() -> None:
        lake.unlink()
        (folder / "elsewhere").rename(lake)

    yield Fragile({"LAKE_URL": str(lake)}, take_away, put_back)


def folder_gone(folder: Path) -> Iterator[Fragile]:
    lake, elsewhere = folder / "lake", folder / "elsewhere"
    yield Fragile({"LAKE_URL": str(lake)}, lambda: lake.rename(elsewhere), lambda: elsewhere.rename(lake))


def disk_full(folder: Path) -> Iterator[Fragile]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    filler = disk / "filler"

    def take_away() -> None:
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(1_000_000))

    yield Fragile({"LAKE_URL": str(disk / "lake")}, take_away, filler.unlink)
    subprocess.run(["umount", disk], check=True)


def s3_server_gone(folder: Path) -> Iterator[Fragile]:
    servers = [ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)]
    servers[0].start()
    environment = {
        "LAKE_URL": f"s3://fragile-{next(_numbers)}/some/prefix",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{servers[0]._port}",
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }

    def put_back() -> None:
        servers.append(ThreadedMotoServer(ip_address="127.0.0.1", port=servers[0]._port, verbose=False))
        servers[-1].start()

    yield Fragile(environment, servers[0].stop, put_back)
    servers[-1].stop()


@pytest.fixture(
    params=[s3_server_gone, *size([], [disk_full, replaced_by_a_file, folder_gone])], ids=lambda kind: kind.__name__
)
def fragile_lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fragile]:
    yield from request.param(tmp_path)


def test_answers_wait_in_the_spool_while_the_lake_is_down_and_nothing_is_lost(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], fragile_lake: Fragile
) -> None:
    """Two ticks without a lake; afterwards all rows are those of a twin whose lake was there all the time."""
    simulator = simulators("alex", "bo")
    world, twin = new_world(simulator, **fragile_lake.environment), new_world(simulator)
    play(world, START - HOUR)
    tick(world)
    tick(twin)
    before = snapshot(world.warehouse, "raw")
    fragile_lake.take_away()
    for number in (1, 2):
        world.at(START + number * HOUR)
        play(world, START + number * HOUR)
        play(world, START + number * HOUR, user_id="bo")

        sentence = failure(world)

        assert sentence.startswith("The lake")
        assert f"{2 * number} payloads wait in ops.spool" in sentence
        assert waits(world) == 2 * number
        assert snapshot(world.warehouse, "raw") == before, "nothing is loaded from the spool"
        tick(twin)
    fragile_lake.put_back()
    world.at(START + 3 * HOUR)

    seen = tick(world, with_checks=True)

    assert (seen.said, seen.new, seen.warnings) == ("2 of 2 listeners answered.", 4, {})
    assert waits(world) == 0
    tick(twin)
    assert snapshot(world.warehouse, "raw") == snapshot(twin.warehouse, "raw")
    lakes = [list(open_lake(each.settings()).list("")) for each in (world, twin)]
    assert lakes[0] == lakes[1]


def test_a_payload_leaves_the_spool_only_when_the_lake_gives_the_same_bytes_back(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators())
    tick(world)
    lake, elsewhere = world.home / "lake", world.home / "elsewhere"
    lake.rename(elsewhere)
    world.at(START + HOUR)
    play(world, START + HOUR)
    failure(world)
    elsewhere.rename(lake)
    [(key,)] = world.rows("select lake_key from ops.spool")
    damaged = lake / str(key)
    damaged.write_bytes(b"half an object")
    world.at(START + 2 * HOUR)

    sentence = failure(world)

    assert str(key) in sentence
    assert waits(world) == 2, "the new answer waits too"
    damaged.unlink()
    assert (tick(world).new, waits(world)) == (1, 0)


def test_a_damaged_object_is_quarantined_and_the_others_load(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators("alex", "bo"))
    play(world, START)
    play(world, START, user_id="bo")
    tick(world)
    key = next(iter(open_lake(world.settings()).list("recently_played/user=alex/")))
    (world.home / "lake" / key).write_bytes(b"\x1f\x8b half an object")
    world.at(START + DAY)

    seen = tick(world, START, with_checks=True)

    assert (seen.pages, list(seen.warnings)) == (2, ["nothing_is_quarantined"])
    [(where, reason)] = world.rows("select lake_key, reason from raw.quarantine")
    assert where == key
    assert "restore it from a backup" in str(reason)


# Spotify's refusals of a login


def test_a_refused_access_token_costs_one_refresh_and_one_retry(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators())
    play(world, START)
    requests.post(f"{world.simulator.url}/_sim/revoke", json={"user": "alex", "access_only": True}, timeout=10)
    calls(world)

    assert (tick(world).new, calls(world)) == (1, [(POLLS, 401), (TOKENS, 200), (POLLS, 200)])


def test_an_access_token_that_is_refused_again_fails_that_listener_without_marking_them(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators("alex", "bo"))
    play(world, START, user_id="bo")
    fault(world, path=POLLS, user="alex", status=401)
    calls(world)

    seen = tick(world)

    assert (seen.summary, seen.new) == ("1 of 2 listeners answered.", 1)
    assert calls(world, "alex") == [(POLLS, 401), (TOKENS, 200), (POLLS, 401)]
    assert "spotify-assets login alex" in seen.warnings["every_listener_polled"]
    assert status_of(world, "alex") == "connected"


def test_a_dead_login_is_named_until_it_is_renewed_and_never_tried_again(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators("alex", "bo"))
    [(kept,)] = world.rows("select refresh_token from ops.tokens where user_id = 'alex'")
    requests.post(f"{world.simulator.url}/_sim/revoke", json={"user": "alex"}, timeout=10)
    play(world, START)
    play(world, START, user_id="bo")
    calls(world)

    first = tick(world)

    assert (first.summary, first.new) == ("1 of 2 listeners answered.", 1)
    assert "spotify-assets login alex" in first.warnings["every_listener_polled"]
    assert calls(world, "alex")[-1] == (TOKENS, 400)
    assert status_of(world, "alex") == "needs_login"
    assert world.rows("select refresh_token from ops.tokens where user_id = 'alex'") == [(kept,)]

    world.at(START + HOUR)
    calls(world)
    second = tick(world)

    assert second.summary == "1 of 2 listeners answered."
    assert "spotify-assets login alex" in second.warnings["every_listener_polled"]
    assert "bo" not in second.warnings["every_listener_polled"]
    assert calls(world, "alex") == []

    world.login("alex")
    third = tick(world, with_checks=True)
    assert (third.said, third.new, third.warnings) == ("2 of 2 listeners answered.", 1, {})


def test_a_tick_in_which_all_logins_are_dead_says_so_and_calls_nobody(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators())
    requests.post(f"{world.simulator.url}/_sim/revoke", json={"user": "alex"}, timeout=10)
    assert "spotify-assets login alex" in failure(world)
    calls(world)

    sentence = failure(world)

    assert calls(world) == []
    assert "spotify-assets login alex" in sentence


def test_an_outage_of_the_token_endpoint_marks_nobody(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], hasty: list[float]
) -> None:
    """Outages last for hours at times; what they say must never be taken for a dead login."""
    world = new_world(simulators("alex", "bo", "chris", "dana"))
    world.at(START + 2 * HOUR)
    for listener in ("alex", "bo", "chris", "dana"):
        play(world, START, user_id=listener)
    fault(world, path=TOKENS, user="alex", status=503, body="<html>Service Unavailable</html>")
    fault(world, path=TOKENS, user="bo", status=400, body={"error": "server_error"})
    fault(world, path=TOKENS, user="chris", status=429, headers={"Retry-After": "3000"})
    fault(world, path=TOKENS, user="dana", status=200, body={"error": "invalid_grant"}, count=1)

    seen = tick(world)

    assert (seen.summary, seen.new) == ("1 of 4 listeners answered.", 1)
    assert all(f"{name}: " in seen.warnings["every_listener_polled"] for name in ("alex", "bo", "chris"))
    assert world.rows("select distinct status from ops.listeners") == [("connected",)]
    no_faults(world)
    assert tick(world).new == 3


def test_a_refused_app_is_nobody_s_fault_and_ends_the_tick(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators("alex"))
    world.at(START + 2 * HOUR)
    fault(world, path=TOKENS, status=400, body={"error": "invalid_client"})

    assert "SPOTIFY_CLIENT_SECRET" in failure(world)

    assert status_of(world, "alex") == "connected"


# Spotify asks for patience


def test_a_short_429_is_waited_out(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], hasty: list[float]
) -> None:
    world = new_world(simulators())
    play(world, START)
    fault(world, path=POLLS, status=429, headers={"Retry-After": "20"}, count=2)

    seen = tick(world, with_checks=True)

    assert (seen.new, seen.warnings, hasty) == (1, {}, [20.0, 20.0])
    assert world.rows("select blocked_until from ops.blocks") == [(START + timedelta(seconds=20),)]


def refuse_for_long(world: World) -> None:
    fault(world, path=POLLS, status=429, headers={"Retry-After": "7200"}, count=1)


def use_up_the_quota(world: World) -> None:
    requests.post(f"{world.simulator.url}/_sim/app", json={"daily_quota": 1}, timeout=10)


@pytest.mark.parametrize(
    ("happens", "hours", "says"), [(refuse_for_long, 2, "limits this app's requests"), (use_up_the_quota, 15, "quota")]
)
def test_a_long_429_stops_all_calls_until_the_time_that_was_told(
    new_world: NewWorld,
    simulators: Callable[..., SimulatorServer],
    hasty: list[float],
    happens: Callable[[World], None],
    hours: int,
    says: str,
) -> None:
    world = new_world(simulators())
    play(world, START)
    happens(world)

    assert says in failure(world)

    [(until,)] = world.rows("select blocked_until from ops.blocks")
    assert isinstance(until, datetime)
    assert until <= START + hours * HOUR
    calls(world)
    for moment in (START + HOUR, until - timedelta(seconds=61)):
        world.at(moment)
        seen = tick(world)
        assert seen.said.startswith("Nobody was called: ")
        assert says in seen.said
        assert f"{until:%Y-%m-%d %H:%M} UTC" in seen.warnings["every_listener_polled"]
    assert (calls(world), hasty) == ([], [])
    world.at(until + timedelta(seconds=1))
    seen = tick(world, with_checks=True)
    assert (seen.said, seen.new, seen.warnings) == ("1 of 1 listeners answered.", 1, {})


# Spotify's other refusals, and its bad moments


def test_each_refusal_has_its_own_sentence_with_the_remedy(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    refusals = {
        "alex": ((403, {"error": {"status": 403, "message": "Forbidden"}}), "extended quota"),
        "bo": ((403, {"error": {"status": 403, "message": "Insufficient client scope"}}), "accept every permission"),
        "chris": (
            (403, {"error": {"status": 403, "message": "The user is not registered for this app"}}),
            "owner adds",
        ),
        "dana": ((404, {"error": {"status": 404, "message": "Resource not found"}}), "check the id"),
        "eli": ((400, {"error": {"status": 400, "message": "Invalid limit"}}), "Invalid limit"),
    }
    world = new_world(simulators(*refusals, "finn"))
    play(world, START, user_id="finn")
    for listener, ((status, body), _) in refusals.items():
        fault(world, path=POLLS, user=listener, status=status, body=body)
    calls(world)

    seen = tick(world)

    assert (seen.summary, seen.new) == ("1 of 6 listeners answered.", 1)
    assert calls(world, "alex") == [(POLLS, 403)], "asking again changes nothing"
    told = seen.checks["every_listener_polled"].metadata
    sentences = {listener: str(told[listener].value) for listener in refusals}
    assert len(set(sentences.values())) == len(refusals)
    for listener, (_, remedy) in refusals.items():
        assert remedy in sentences[listener]
        assert listener in seen.warnings["every_listener_polled"]
    assert world.rows("select distinct status from ops.listeners") == [("connected",)]


def test_a_lapsed_premium_of_the_app_s_owner_is_said_once(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators())
    requests.post(f"{world.simulator.url}/_sim/app", json={"premium": False}, timeout=10)

    assert "no active Premium subscription" in failure(world)


TROUBLES: dict[str, dict[str, object]] = {
    "alex": {"status": 503},
    "bo": {"status": 200, "body": "<html>We'll be back</html>"},
    "chris": {"status": 200, "body": '{"items": ['},
    "dana": {"cut": True},
    "eli": {"latency_seconds": 1.5},
}


def test_bad_moments_are_sat_out(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], hasty: list[float]
) -> None:
    """5xx, HTML and broken JSON with 200, a cut connection, a time-out: each once or twice, then an answer."""
    world = new_world(simulators(*TROUBLES))
    for times, (listener, trouble) in enumerate(TROUBLES.items()):
        play(world, START, user_id=listener)
        fault(world, path=POLLS, user=listener, count=1 + times % 2, **trouble)

    seen = tick(world, with_checks=True)

    assert (seen.said, seen.new, seen.warnings) == ("5 of 5 listeners answered.", 5, {})
    assert len(hasty) == 7
    assert all(0.5 <= wait <= 3 for wait in hasty)


def test_troubles_that_stay_fail_each_listener_alone_after_four_tries(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], hasty: list[float]
) -> None:
    world = new_world(simulators(*TROUBLES, "finn"))
    for listener in (*TROUBLES, "finn"):
        play(world, START, user_id=listener)
    for listener, trouble in TROUBLES.items():
        fault(world, path=POLLS, user=listener, **trouble)
    calls(world)

    seen = tick(world)

    assert (seen.summary, seen.new) == ("1 of 6 listeners answered.", 1)
    for listener in TROUBLES:
        assert f"listener {listener} " in seen.warnings["every_listener_polled"]
    assert len(calls(world, "alex")) == 4
    assert list(open_lake(world.settings()).folders("recently_played/")) == ["recently_played/user=finn/"]
    no_faults(world)
    world.at(START + HOUR)
    assert (tick(world).new, status_of(world, "alex")) == (5, "connected")


def test_a_defect_that_one_listener_meets_fails_the_tick_and_the_others_are_loaded(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators("alex", "bo"))
    world.at(START + 2 * HOUR)
    play(world, START, user_id="bo")
    with world.warehouse.connect() as connection:
        connection.execute("alter table ops.tokens add check (user_id <> 'alex' or refreshed_at is null)")

    assert "violates check constraint" in failure(world)

    assert world.rows("select user_id from raw.plays") == [("bo",)]


# Answers in another shape


def an_item(world: World, end: datetime, **changes: object) -> dict[str, object]:
    """A play as Spotify would tell it; `changes` replace keys of it, or with `track__` of its track; ... removes."""
    url = f"{world.simulator.url}/_sim/plays"
    listeners = list(world.simulator.world.accounts)
    given = {"user": listeners[-1], "plays": [{"played_at": end.isoformat(), "visible_at": "2099-01-01T00:00:00Z"}]}
    [item] = requests.post(url, json=given, timeout=10).json()["items"]
    for name, value in changes.items():
        whose, key = (item["track"], name.removeprefix("track__")) if name.startswith("track__") else (item, name)
        whose.pop(key, None)
        if value is not ...:
            whose[key] = value
    return dict(item)


def test_what_is_there_loads_and_the_rest_waits_in_quarantine_until_a_parser_can_read_it(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(simulators("alex", "bo"))
    ends = [START - timedelta(minutes=4 * number) for number in range(9)]
    renamed = ends[8].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    items = [
        an_item(world, ends[0]),
        an_item(world, ends[1], played_at=...),
        an_item(world, ends[2], played_at=1_772_431_200_000),
        an_item(world, ends[3], track=None),
        an_item(world, ends[4], track="Yesterday"),
        an_item(world, ends[5], track__id=..., track__uri=...),
        an_item(world, ends[6], track__duration_ms="3 min", track__explicit="no", track__name=None, track__artists={}),
        an_item(world, ends[7], context=["playlist"]),
        an_item(world, ends[8], played_at=..., playedAt=renamed),
    ]
    for end, item in zip(ends, items, strict=True):
        play(world, end, item=item)
    fault(world, path=POLLS, user="bo", status=200, body={"plays": []})

    seen = tick(world, with_checks=True)

    assert (seen.said, seen.new) == ("2 of 2 listeners answered.", 3)
    assert list(seen.warnings) == ["nothing_is_quarantined"]
    quarantined = {str(where): why for where, why in world.rows("select position, reason from raw.quarantine")}
    assert seen.warnings["nothing_is_quarantined"].startswith(f"{len(quarantined)} things")
    assert set(quarantined) == {
        "/items/1", "/items/2", "/items/2/played_at", "/items/3", "/items/4", "/items/4/track", "/items/5",
        "/items/6/track/duration_ms", "/items/6/track/explicit", "/items/6/track/artists", "/items/7/context",
        "/items/8", "/items",
    }  # fmt: skip
    assert all(quarantined.values())
    assert world.rows("select played_at from raw.plays order by 1 desc") == [(ends[at],) for at in (0, 6, 7)]

    def tomorrow_s_parser(payload: bytes) -> Page:
        return read_page(payload.replace(b'"playedAt"', b'"played_at"'))

    monkeypatch.setattr(loading, "read_page", tomorrow_s_parser)
    world.at(START + DAY)
    again = tick(world, START)
    assert again.new == 1
    assert "/items/8" not in {where for (where,) in world.rows("select position from raw.quarantine")}
    assert len(world.rows("select 1 from raw.quarantine")) == len(quarantined) - 1


# Days of the past, and the day that ends while a run waits


def test_a_past_day_is_loaded_from_the_lake_and_calls_nobody(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], new_warehouse: Callable[[], Warehouse]
) -> None:
    world = new_world(simulators())
    play(world, START - HOUR, START)
    tick(world)
    world.at(START + DAY)
    play(world, START + DAY)
    tick(world)
    calls(world)
    empty = World(new_warehouse(), world.simulator, world.home, {**world.environment}, world.monkeypatch)
    empty.environment["DATABASE_URL"] = empty.warehouse.dsn  # type: ignore[index]

    seen = tick(empty, START)

    assert (seen.new, seen.pages, calls(world)) == (2, 1, [])
    assert "2026-03-02 is past: the 1 pages that were landed that day" in seen.said
    assert seen.checks["every_listener_polled"].description == "Nobody was called: the lake was loaded again."
    assert empty.rows("select count(*) from raw.plays where played_at > %s", (START,)) == [(0,)]


def test_a_day_without_pages_is_empty_before_the_first_landing_and_a_hole_after_it(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators())
    play(world, START)
    assert tick(world, START - DAY).said == "Nothing was landed on 2026-03-01, so there is nothing to load."
    tick(world)
    world.at(START + 2 * DAY)
    calls(world)

    before, after = tick(world, START - DAY, with_checks=True), failure(world, START + DAY)

    assert (before.new, before.pages, before.warnings) == (0, 0, {})
    assert after.startswith("Nothing was landed on 2026-03-03, and its plays can't be fetched any more")
    assert "extended streaming history" in after
    assert calls(world) == []


def test_a_run_asked_for_as_today_that_begins_after_midnight_still_polls(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators())
    after_midnight = START.replace(hour=0, minute=5) + DAY
    play(world, after_midnight - HOUR)
    world.at(after_midnight)
    calls(world)

    seen = tick(world, START, tags={ASKED_ON_TAG: START.date().isoformat()})

    assert (seen.said, seen.new) == ("1 of 1 listeners answered.", 1)
    assert (POLLS, 200) in calls(world)
    [(key,)] = world.rows("select lake_key from raw.plays")
    assert "date=2026-03-03/000500Z" in str(key)


@dataclass(frozen=True)
class Tomorrow:
    """The machine's clock, a day after the run was asked for."""

    is_real: bool = True

    def now(self) -> datetime:
        return datetime.now(UTC) + DAY


def test_a_run_without_a_tag_was_asked_for_when_dagster_noted_it_down(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the UI's button Materialize makes it: there is no tag, and the clock is the real one."""
    world = new_world(simulators(at=None), SPOTIFY_ASSETS_CLOCK="")
    play(world, datetime.now(UTC) - HOUR)
    monkeypatch.setattr(resources, "clock_from", lambda _: Tomorrow())
    calls(world)

    seen = tick(world, datetime.now(UTC))

    assert (seen.said, seen.new) == ("1 of 1 listeners answered.", 1)
    assert (POLLS, 200) in calls(world)


# What a person sees of a run that failed


def test_a_failed_step_shows_its_sentence_and_is_not_tried_again(
    new_world: NewWorld, simulators: Callable[..., SimulatorServer]
) -> None:
    world = new_world(simulators())
    tick(world)
    (world.home / "lake").rename(world.home / "elsewhere")

    sentence = failure(world)

    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
        events = [entry.dagster_event for entry in instance.all_logs(runs[0].run_id) if entry.dagster_event]
    assert [run.status for run in runs] == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    kinds = [event.event_type for event in events]
    assert kinds.count(dg.DagsterEventType.STEP_FAILURE) == 1
    assert dg.DagsterEventType.STEP_UP_FOR_RETRY not in kinds
    [failed] = [event.step_failure_data for event in events if event.is_step_failure]
    assert failed.user_failure_data is not None
    assert failed.user_failure_data.description == sentence
