"""`spotify-assets import`: what a person sees, and what others see of one who only imports."""

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.crashing import MOMENTS_OF_AN_IMPORT
from spotify_assets_tests.leaks import in_files, in_tables, leaks
from spotify_assets_tests.listeners.leaving import START, Said, command
from spotify_assets_tests.listening.exports.made_up import (
    AUDIO,
    PRIVATE,
    account_row,
    as_file,
    as_zip,
    old_row,
    put,
    row,
)
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.sizes import size
from spotify_assets_tests.world import World

NewWarehouse = Callable[[], Warehouse]
ROWS = [row(0), row(1), row(1), old_row(2, ms_played=-1), old_row(3, ip_addr_decrypted=PRIVATE["ip_addr"])]


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorConfig(at=START)) as server:
        yield server


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, simulator: SimulatorServer, tmp_path: Path) -> World:
    return World.make(monkeypatch, warehouse, simulator, tmp_path / "home")


def given(tmp_path: Path, **files: bytes) -> Path:
    return put(tmp_path / "given", {name.replace("_dot_", "."): body for name, body in files.items()})


def told(said: Said) -> dict[str, str]:
    """The report, by what stands in front."""
    return {line[:15].strip(): line[15:] for line in said.text.splitlines()}


def test_a_zip_is_imported_reported_and_shown_in_dagster_without_personal_data(world: World, tmp_path: Path) -> None:
    """The first import makes the listener; the second finds everything known; a login takes the listener over."""
    archive = given(tmp_path) / "my_data.zip"
    archive.write_bytes(as_zip({AUDIO: as_file(ROWS), "ReadMe.pdf": b"%PDF", "Userdata.json": b'{"email": "e"}'}))

    said = command(world, "import", "alex", str(archive), "--time-zone", "Asia/Tokyo")

    assert said.code == 0, said.text
    report = told(said)
    expected = {
        "Files": "1", "Rows read": "5", "New streams": "3", "Known before": "0", "In quarantine": "1",
        "Repeated rows": "1, which say the same as another row of this export",
        "Span": "2023-04-05 06:07 to 2023-04-05 06:10 UTC", "Played": "0.1 hours",
        "Most played": "Song 0 – Artist: 1 times", "Left alone": "ReadMe.pdf, Userdata.json",
    }  # fmt: skip
    assert {name: report.get(name) for name in expected} == expected
    assert "1 × no stream, for it does not say how long it was played" in said.text
    assert "no login, history imported" in command(world, "listeners").text

    again = command(world, "import", "alex", str(archive), str(given(tmp_path, wrong_dot_pdf=b"%PDF") / "wrong.pdf"))
    assert again.code == 1
    assert "wrong.pdf is a PDF: expected are Spotify's" in again.text
    report = told(again)
    assert (report["Files"], report["New streams"], report["Known before"]) == ("1, 1 of them known before", "0", "3")

    with dg.DagsterInstance.get() as instance:
        [partition] = instance.get_dynamic_partitions("exports")
        event = instance.get_latest_materialization_event(dg.AssetKey("streaming_history"))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.partition == partition
        metadata = event.asset_materialization.metadata
        assert (metadata["rows_read"].value, metadata["rows_known"].value) == (5, 3)
        assert "Song 0 – Artist" in str(metadata["preview"].value)
    canaries = {name: str(value) for name, value in PRIVATE.items()}
    assert leaks(canaries, [*in_files(world.home), *in_tables(world.warehouse)]) == []

    world.login("alex")
    assert world.rows("select time_zone from ops.listeners") == [("Asia/Tokyo",)]
    assert world.rows("select count(*) from ops.unconnected_listeners") == [(0,)]


@pytest.mark.soak
@pytest.mark.parametrize(
    "name", ["listener_a_extended.zip", "listener_b_account_data.zip", "listener_c_account_data.zip"]
)
def test_a_real_zip_is_imported_from_zip_to_marts(world: World, real_data: Path, name: str) -> None:
    said = command(world, "import", "alex", str(real_data / "exports" / name), "--time-zone", "Europe/Berlin")
    assert said.code == 0, said.text
    assert told(said)["In quarantine"] == "0"
    assert (
        "keeps it; to change it: spotify-assets listeners set alex --time-zone UTC"
        in command(world, "import", "alex", str(real_data / "exports" / name), "--time-zone", "UTC").text
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("Bad Name", "x.zip"), "'Bad Name' can't be a listener's name"),
        (("alex", "missing.zip"), "missing.zip does not exist: expected are"),
        (("alex", "empty"), "There is no listening history in what was given: expected are"),
        (("alex", "x.json", "--time-zone", "Mars/Base"), "'Mars/Base' is no time zone"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence_and_makes_no_listener(
    world: World, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    put(tmp_path / "empty", {"photo.jpg": b"x"})
    put(tmp_path, {"x.json": b"[]"})
    said = command(world, "import", words[0], str(tmp_path / words[1]), *words[2:])
    assert said.code == 1
    assert sentence in said.text
    assert world.rows("select count(*) from ops.unconnected_listeners") == [(0,)]


def test_a_listener_who_only_imports_can_be_set_renamed_and_erased(world: World, tmp_path: Path) -> None:
    place = Place(world.warehouse, world.home)
    place.take_files({AUDIO: as_file(ROWS)})
    with world.warehouse.connect() as connection:
        connection.execute("delete from ops.changed_days")

    assert command(world, "listeners", "set", "alex", "--time-zone", "Asia/Tokyo").code == 0
    assert world.rows("select user_id, utc_date::text from ops.changed_days") == [("alex", "2023-04-05")]
    assert command(world, "listeners", "rename", "alex", "Alex L.").code == 0
    refused = command(world, "listeners", "remove", "alex")
    assert "Nobody is connected as alex, whose history stays; to erase it: spotify-assets" in refused.text
    [shown] = json.loads(command(world, "listeners", "list", "--json").text)
    assert (shown["state"], shown["display_name"], shown["time_zone"]) == ("no_login", "Alex L.", "Asia/Tokyo")
    assert shown["last_played_at"].startswith("2023-04-05T06:10:08")


def test_an_import_killed_at_any_moment_and_run_again_gives_the_same_rows(
    world: World, new_warehouse: NewWarehouse, tmp_path: Path
) -> None:
    """Kills after an object landed, within COPY, before a commit, after a load, when a listener is made."""
    folder = put(
        tmp_path / "given",
        {AUDIO: as_file(ROWS), "Streaming_History_Video_1.json": as_file([row(7), row(8)]),
         "StreamingHistory_music_0.json": as_file([account_row(2)])},
    )  # fmt: skip
    expected = Place(new_warehouse(), tmp_path / "in_peace")
    expected.take(folder)
    hits = 0
    for number in range(size(1, 12)):
        for moment in size(("block", "export_commit"), MOMENTS_OF_AN_IMPORT[:-1]):
            at = f"{moment}:{1 + (number + len(moment)) % {'landing': 4, 'newcomer': 1, 'block': 3}.get(moment, 4)}"
            home = tmp_path / f"killed_{moment}_{number}"
            there = Place(new_warehouse(), home)
            done = world.command(
                "import", "alex", str(folder), "--time-zone", "UTC", module="spotify_assets_tests.crashing",
                CRASH_AT=at, DATABASE_URL=there.warehouse.dsn, SPOTIFY_ASSETS_HOME=str(home),
                DAGSTER_HOME=str(home / "dagster"),
            )  # fmt: skip
            hits += done.returncode == -signal.SIGKILL
            assert done.returncode == -signal.SIGKILL, f"{at} was not reached: {done.stderr}"
            there.take(folder)
            assert _without_keys(there) == _without_keys(expected), at
    print(f"\n{hits} kills")


def _without_keys(place: Place) -> dict[str, list[str]]:
    """All rows of `raw`; keys of the lake tell when a file landed, which a kill may change."""
    digests = {key: key.rsplit("-", 1)[1] for key in place.objects()}
    assert len(set(digests.values())) == len(digests), "nothing is stored twice"
    found = {}
    for name, rows in place.raw().items():
        for key, digest in digests.items():
            rows = [text.replace(key, digest) for text in rows]  # noqa: PLW2901
        found[name] = sorted(rows)
    return found


def test_two_imports_at_once_give_the_same_rows(new_warehouse: NewWarehouse, tmp_path: Path) -> None:
    parts = range(size(6, 40))
    folder = put(tmp_path / "given", {f"endsong_{part}.json": as_file([old_row(part), old_row()]) for part in parts})
    place = Place(new_warehouse(), tmp_path / "at_once")
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(place.take, folder) for _ in range(2)]
        done = sorted(taken.result().loaded.rows_changed for taken in both)
    assert done == [0, 2 * len(parts)]
    expected = Place(new_warehouse(), tmp_path / "in_peace")
    expected.take(folder)
    assert place.raw() == expected.raw()


def test_a_lake_that_is_down_is_one_sentence_and_the_rerun_completes(world: World, tmp_path: Path) -> None:
    folder = put(tmp_path / "given", {AUDIO: as_file(ROWS)})
    lake = world.home / "lake"
    list(open_lake(world.settings()).list(""))
    lake.rename(world.home / "away")
    said = command(world, "import", "alex", str(folder), "--time-zone", "UTC")
    assert (said.code, "is gone; put it back" in said.text) == (1, True)
    assert "Traceback" not in said.text
    (world.home / "away").rename(lake)
    assert Place(world.warehouse, world.home).take(folder).loaded.rows_kept == 4
