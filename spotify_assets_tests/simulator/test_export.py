"""The extended export of a simulated listener, against the real ones and against the truth."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets_tests.simulator.browser import ask
from spotify_assets_tests.simulator.conftest import NOON

FOLDER = "Spotify Extended Streaming History/"
Files = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorServer]:
    """A listener with a few files of their own."""
    with SimulatorServer(SimulatorConfig(at=NOON, local_files=0.01)) as running:
        yield running


@pytest.fixture(scope="module")
def files(server: SimulatorServer) -> Files:
    """What is in the export from March 2025 on, by file name."""
    return _export(server, "2025-03-01")


def _export(server: SimulatorServer, begin: str) -> Files:
    with ZipFile(BytesIO(ask(server, "export", **{"from": begin}).content)) as archive:
        assert FOLDER + "ReadMeFirst_ExtendedStreamingHistory.pdf" in archive.namelist()
        return {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}


def test_files_are_named_and_sorted_like_spotifys(files: Files) -> None:
    audio = [name for name in files if "_Audio_" in name]
    assert audio == [
        FOLDER + "Streaming_History_Audio_2025_0.json",
        FOLDER + "Streaming_History_Audio_2025-2026_1.json",
        FOLDER + "Streaming_History_Audio_2026_2.json",
    ]
    assert [name for name in files if "_Video_" in name] == [FOLDER + "Streaming_History_Video_2025-2026.json"]
    times = [row["ts"] for name in audio for row in files[name]]
    assert times == sorted(times)


def test_rows_have_the_keys_and_types_of_a_real_export(files: Files, real_data: Path) -> None:
    with ZipFile(real_data / "exports" / "listener_b_extended.zip") as archive:
        real = [row for name in archive.namelist() for row in json.loads(archive.read(name))]
    rows = [row for each in files.values() for row in each]
    assert list(rows[0]) == list(real[0])
    for key in real[0]:
        types = {type(row[key]) for row in rows}
        assert types <= {type(row[key]) for row in real} | {str, type(None)}
    reasons = {row["reason_start"] for row in rows} | {row["reason_end"] for row in rows}
    assert reasons <= {row["reason_start"] for row in real} | {row["reason_end"] for row in real} | {
        "playbtn",
        "remote",
    }


def test_every_true_play_is_in_the_export_and_nothing_else(server: SimulatorServer, files: Files) -> None:
    truth = ask(server, "truth", **{"from": "2025-03-01"}).json()["plays"]
    rows = [row for name, rows in files.items() if "_Audio_" in name for row in rows]
    videos = [row for name, rows in files.items() if "_Video_" in name for row in rows]
    in_video = {(row["ts"], row["spotify_track_uri"]): row["ms_played"] for row in videos}
    told = {
        (row["ts"], row["spotify_track_uri"] or row["spotify_episode_uri"], row["ms_played"])
        for row in rows
        if (row["ts"], row["spotify_track_uri"]) not in in_video
    } | {(ts, uri, played) for (ts, uri), played in in_video.items()}
    without_local = {each for each in told if not each[1].startswith("spotify:local:")}
    expected = {
        (play["export_ts"], _uri(play), play["ms_played"])
        for play in truth
        if play["export_track_id"] or play["episode_id"]
    }
    assert without_local == expected
    assert len(told) == len(truth)
    assert len(rows) > len({json.dumps(row) for row in rows})


def _uri(play: dict[str, Any]) -> str:
    track = play["export_track_id"]
    return f"spotify:track:{track}" if track else f"spotify:episode:{play['episode_id']}"


def test_the_export_tells_a_play_within_two_seconds_and_sometimes_under_another_id(server: SimulatorServer) -> None:
    truth = ask(server, "truth", **{"from": "2026-06-01"}).json()["plays"]
    both = [play for play in truth if play["played_at"] and play["api_track_id"]]
    for play in both:
        skew = datetime.fromisoformat(play["export_ts"]) - datetime.fromisoformat(play["played_at"])
        assert abs(skew.total_seconds()) <= 2
    relinked = Counter(play["api_track_id"] != play["export_track_id"] for play in both)
    assert 0.01 < relinked[True] / len(both) < 0.2
    catalogue = server.world.catalogue
    for play in both:
        track = catalogue.find_track(play["export_track_id"])
        assert track
        assert track.isrc == play["isrc"]


def test_an_export_holds_nothing_from_the_future(server: SimulatorServer) -> None:
    rows = [row for rows in _export(server, "2026-11-14").values() for row in rows]
    assert max(row["ts"] for row in rows) <= "2026-11-21T12:00:02Z"


def test_the_same_export_twice_has_the_same_bytes(server: SimulatorServer) -> None:
    exports = {ask(server, "export", **{"from": "2026-10-01"}).content for _ in range(2)}
    assert len(exports) == 1
