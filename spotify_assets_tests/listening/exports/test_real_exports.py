"""Real exports of three people, held against a count of their own: plain Python that knows nothing of this project."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from spotify_assets.clock import FixedClock
from spotify_assets.listening.exports.inbox import open_inbox
from spotify_assets.listening.exports.intake import take_in
from spotify_assets.listening.exports.report import summary
from spotify_assets.settings import Settings
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import put
from spotify_assets_tests.listening.exports.place import NOW, Place

EXPORTS = (
    "listener_a_extended.zip",
    "listener_b_extended.zip",
    "listener_b_account_data.zip",
    "listener_c_account_data.zip",
    "koito_Streaming_History_Audio_spotify_import_test.json",
    "fsktom_example_endsong_0.json",
)
Stream = tuple[object, ...]


def rows_in(path: Path) -> Iterator[dict[str, object]]:
    """The rows of all files, as they are."""
    if path.suffix == ".json":
        yield from json.loads(path.read_bytes())
        return
    with ZipFile(path) as archive:
        for name in archive.namelist():
            yield from json.loads(archive.read(name))


def stream_of(row: dict[str, object]) -> Stream:
    """What makes a row a repetition of another: end, what, how long."""
    if "ts" in row:
        uri = row["spotify_track_uri"] or row["spotify_episode_uri"] or row.get("audiobook_chapter_uri")
        return str(row["ts"]).replace("T", " ").replace("Z", "+00"), uri or None, row["ms_played"]
    names = [row.get(key) for key in ("artistName", "trackName", "podcastName", "episodeName")]
    return f"{row['endTime']}:00+00", *names, row["msPlayed"]


@pytest.mark.parametrize("name", EXPORTS)
def test_every_row_is_there_and_rows_streams_hours_and_tops_are_right(
    name: str, warehouse: Warehouse, real_data: Path, tmp_path: Path
) -> None:
    rows = list(rows_in(real_data / "exports" / name))
    streams = set(map(stream_of, rows))
    place = Place(warehouse, tmp_path)

    done = place.take(real_data / "exports" / name)

    assert done.refused == []
    assert place.rows("select count(*) from raw.streams") == [(len(rows),)]
    assert place.rows("select count(*) from raw.quarantine") == [(0,)]
    is_extended = "ts" in rows[0]
    stored = place.rows(
        "select ts::text, coalesce(track_uri, episode_uri, audiobook_chapter_uri), ms_played from raw.streams"
        if is_extended
        else "select ts::text, album_artist_name, track_name, episode_show_name, episode_name, ms_played "
        "from raw.streams"
    )
    assert set(stored) == streams
    found = summary(warehouse, "alex", [member.file_hash for member in done.members], set())
    assert (found.rows_read, found.new, found.repeated) == (len(rows), len(streams), len(rows) - len(streams))
    assert found.hours == pytest.approx(sum(int(str(stream[-1])) for stream in streams) / 3_600_000)
    assert top(stream[1:-1] for stream in streams) == top(stream[1:-1] for stream in set(stored))
    again = place.take(real_data / "exports" / name)
    found = summary(warehouse, "alex", [member.file_hash for member in again.members], again.known_before)
    assert (found.new, found.known, again.loaded.rows_changed) == (0, len(streams), 0)


def top(titles: Iterator[Stream]) -> list[tuple[int, str]]:
    """The fifty most frequent, with their counts."""
    counted = Counter(map(str, titles))
    return sorted(((count, title) for title, count in counted.items()), reverse=True)[:50]


def test_every_field_of_the_longest_export_is_as_it_stands_there(
    warehouse: Warehouse, real_data: Path, tmp_path: Path
) -> None:
    """Row by row, whatever the order of files; only absent, empty and zero start times are the same."""
    path = real_data / "exports/listener_b_extended.zip"
    place = Place(warehouse, tmp_path)
    place.take(path)
    columns = (
        "track_uri, track_name, album_artist_name, album_name, platform, conn_country, reason_start, reason_end, "
        "shuffle, skipped, offline, offline_timestamp, incognito_mode, ms_played, episode_name"
    )
    keys = (
        "spotify_track_uri", "master_metadata_track_name", "master_metadata_album_artist_name",
        "master_metadata_album_album_name", "platform", "conn_country", "reason_start", "reason_end",
        "shuffle", "skipped", "offline", "offline_timestamp", "incognito_mode", "ms_played", "episode_name",
    )  # fmt: skip
    expected = Counter(tuple(row[key] if row[key] != "" else None for key in keys) for row in rows_in(path))
    assert Counter(place.rows(f"select {columns} from raw.streams")) == expected


def test_a_real_zip_in_the_inbox_is_taken_in_and_goes(warehouse: Warehouse, real_data: Path, tmp_path: Path) -> None:
    name = "listener_c_account_data.zip"
    put(tmp_path / "inbox/alex", {name: (real_data / "exports" / name).read_bytes()})
    inbox = open_inbox(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    place = Place(warehouse, tmp_path)
    take_in(inbox, f"inbox/alex/{name}", "alex", warehouse, place.lake, FixedClock(NOW))
    assert inbox.entries() == []
    rows = list(rows_in(real_data / "exports" / name))
    assert place.rows("select count(*) from raw.streams") == [(len(rows),)]


def test_as_zip_as_folder_and_in_halves_the_streams_are_the_same(
    warehouse: Warehouse, real_data: Path, tmp_path: Path
) -> None:
    """Two exports of one person that overlap: each row is kept, each stream counts once."""
    path = real_data / "exports/koito_Streaming_History_Audio_spotify_import_test.json"
    rows = json.loads(path.read_bytes())
    place = Place(warehouse, tmp_path)
    place.take(path)
    for number, half in enumerate((rows[: len(rows) * 2 // 3], rows[len(rows) // 3 :])):
        done = place.take_files({f"Streaming_History_Audio_{number}.json": json.dumps(half).encode()})
        found = summary(warehouse, "alex", [member.file_hash for member in done.members], set())
        assert (found.new, found.known) == (0, len(set(map(stream_of, half))))
    assert place.rows("select count(distinct (ts, track_uri, ms_played)) from raw.streams") == [
        (len(set(map(stream_of, rows))),)
    ]
