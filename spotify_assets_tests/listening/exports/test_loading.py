"""Every row of an export is in the warehouse, once, whatever it came in, in whatever order, and however often."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from spotify_assets.listening.exports import loading, rows
from spotify_assets.listening.exports.lake_exports import all_keys, keys_of_export
from spotify_assets.listening.exports.loading import load_keys
from spotify_assets.reading import Reader
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import AUDIO, account_row, as_file, as_zip, old_row, put, row
from spotify_assets_tests.listening.exports.place import NOW, Place

NewWarehouse = Callable[[], Warehouse]


@pytest.fixture
def place(warehouse: Warehouse, tmp_path: Path) -> Place:
    return Place(warehouse, tmp_path)


def test_a_file_lands_without_personal_data_and_the_export_lands_last(place: Place) -> None:
    done = place.take_files({AUDIO: as_file([old_row(), row(1)]), "ReadMe.pdf": b"%PDF", "Userdata.json": b'{"a": 1}'})
    [file, manifest] = place.objects()
    assert file.startswith("streaming_history/user=alex/date=2026-03-04/120000Z-")
    [kept, _] = json.loads(place.lake.get(file))
    assert not {"ip_addr_decrypted", "username", "user_agent_decrypted"} & set(kept)
    file_hash = file[-20:-8]
    assert json.loads(place.lake.get(manifest)) == {"export": [{"file": file_hash, "name": AUDIO}]}
    assert [other.name for other in done.left_alone] == ["ReadMe.pdf", "Userdata.json"]
    assert place.rows("select user_id, file_hash, name, export_hash from raw.export_members") == [
        ("alex", file_hash, AUDIO, done.export_hash)
    ]
    assert place.rows("select kind, rows_read, first_ts::text, last_ts::text, lake_key from raw.export_files") == [
        ("extended", 2, "2023-04-05 06:07:08+00", "2023-04-05 06:08:08+00", file)
    ]
    assert place.rows("select dataset, user_id, rows_read, loaded_version > 0 from ops.landed_objects order by 3") == [
        ("streaming_history", "alex", 1, True),
        ("streaming_history", "alex", 2, True),
    ]
    assert place.rows("select user_id, time_zone, removed_at from ops.unconnected_listeners") == [
        ("alex", "Europe/Berlin", None)
    ]


def test_zip_folder_and_files_give_the_same_export_and_nothing_is_stored_twice(place: Place) -> None:
    files = {AUDIO: as_file([row(0), row(1)]), "endsong_0.json": as_file([old_row(2)])}
    archive = put(place.folder, {"my_data.zip": as_zip(files)}) / "my_data.zip"
    folder = put(place.folder / "unpacked", files)
    first = place.take(archive)
    before, keys = place.raw(), place.objects()
    for paths in ([folder], sorted(folder.iterdir()), sorted(folder.iterdir(), reverse=True), [archive]):
        again = place.take(*paths, at=NOW + timedelta(days=1))
        assert (again.export_hash, again.known_before) == (first.export_hash, {m.file_hash for m in first.members})
        assert again.loaded.rows_changed == 0
    assert (place.raw(), place.objects()) == (before, keys)


def test_an_export_is_its_files_and_may_have_several_sets_of_names(place: Place) -> None:
    body = as_file([row(0)])
    first = place.take_files({AUDIO: body})
    second = place.take_files({"renamed.json": body})
    assert first.export_hash == second.export_hash
    assert len(place.objects()) == 3
    assert place.rows("select name from raw.export_members order by 1") == [(AUDIO,), ("renamed.json",)]
    keys = keys_of_export(place.lake, "alex", str(first.export_hash))
    assert sorted(keys) == sorted(place.objects())
    assert keys_of_export(place.lake, "alex", "0" * 12) == []


def test_overlapping_exports_keep_every_row_of_both(place: Place) -> None:
    place.take_files({AUDIO: as_file([row(0), row(1), row(1)])})
    place.take_files({AUDIO: as_file([row(1), row(2)])})
    assert place.rows("select count(*), count(distinct (ts, track_uri, ms_played)) from raw.streams") == [(5, 3)]


def test_any_order_of_loading_gives_the_same_rows(place: Place, new_warehouse: NewWarehouse) -> None:
    """Also of the names of tracks, of what a name tells of a file, and with an object loaded twice."""
    uri = row(0)["spotify_track_uri"]
    place.take_files({AUDIO: as_file([row(0), row(9, spotify_track_uri=uri, master_metadata_track_name="B"), {}])})
    place.take_files({"Streaming_History_Video_2023.json": as_file([row(9, spotify_track_uri=uri)])})
    place.take_files({"StreamingHistory_music_0.json": as_file([account_row(5)]), AUDIO: as_file([row(3)])})
    expected = place.raw()
    assert len(place.objects()) == 7
    orders = random.Random(5).sample(list(permutations(place.objects())), 5)  # noqa: S311
    for order in orders:
        other = Place(new_warehouse(), place.folder)
        load_keys(other.warehouse, other.lake, [*order, *order[:3]])
        assert other.raw() == expected


def test_skips_podcasts_audiobooks_private_and_empty_streams_are_kept(place: Place) -> None:
    nothing = dict.fromkeys(
        ("spotify_track_uri", "master_metadata_track_name", "master_metadata_album_artist_name",
         "master_metadata_album_album_name")
    )  # fmt: skip
    kinds = [
        row(0, ms_played=0, skipped=True),
        row(1, **nothing, spotify_episode_uri="spotify:episode:e", episode_name="E", episode_show_name="S"),
        row(2, **nothing, audiobook_uri="spotify:show:b", audiobook_chapter_uri="spotify:episode:c"),
        row(3, **nothing),
        row(4, incognito_mode=True),
    ]
    place.take_files({AUDIO: as_file(kinds)})
    assert place.rows(
        "select file_row, ms_played, track_uri is not null, episode_uri, audiobook_uri, skipped, incognito_mode "
        "from raw.streams order by file_row"
    ) == [
        (1, 0, True, None, None, True, False),
        (2, 100_001, False, "spotify:episode:e", None, False, False),
        (3, 100_002, False, None, "spotify:show:b", False, False),
        (4, 100_003, False, None, None, False, False),
        (5, 100_004, True, None, None, False, True),
    ]


def test_what_cannot_be_read_waits_in_quarantine_and_loads_when_it_can(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parser that reads more replaces the old one's rows; one that reads less takes them out again."""
    done = place.take_files({AUDIO: as_file([row(0), row(1, ms_played=-5), row(2, skipped="?")])})
    assert place.rows("select position, reason from raw.quarantine order by 1") == [
        ("/1", "no stream, for it does not say how long it was played"),
        ("/2/skipped", "expected true/false, found text"),
    ]
    assert (done.loaded.rows_read, done.loaded.rows_kept, done.loaded.quarantined) == (3, 2, 2)
    worse = place.raw()

    version = place.version()
    monkeypatch.setattr(rows, "_boolean", lambda *_: None)
    load_keys(place.warehouse, place.lake, place.objects())
    assert place.rows("select position from raw.quarantine") == [("/1",)]
    assert place.rows("select stream_count from ops.raw_version") == [(2,)]
    monkeypatch.setattr(Reader, "integer", lambda self, key: abs(int(str(self.value[key]))))
    load_keys(place.warehouse, place.lake, place.objects())
    assert place.rows("select count(*) from raw.streams") == [(3,)]
    assert place.rows("select count(*) from raw.quarantine") == [(0,)]
    assert place.changed_since(version) == {("alex", "2023-04-05")}

    monkeypatch.undo()
    load_keys(place.warehouse, place.lake, place.objects())
    assert place.raw() == worse


def test_loading_again_takes_no_version_and_leaves_nothing_to_build(place: Place) -> None:
    place.take_files({AUDIO: as_file([row(0), {}]), "StreamingHistory_music_0.json": as_file([account_row()])})
    version = place.version()
    load_keys(place.warehouse, place.lake, place.objects())
    assert place.version() == version


def test_an_extended_file_marks_the_days_of_account_data_and_polls_in_its_span(place: Place) -> None:
    far = 60 * 24 * 3
    place.take_files({"StreamingHistory_music_0.json": as_file([account_row(number) for number in (0, far, 3 * far)])})
    with place.warehouse.connect() as connection:
        connection.execute(
            "insert into raw.plays (user_id, played_at, track_id, lake_key) values "
            "('alex', '2023-04-07T01:00Z', 't', 'k'), ('alex', '2023-05-07T01:00Z', 't', 'k'), "
            "('bo', '2023-04-06T01:00Z', 't', 'k')"
        )
    version = place.version()
    place.take_files({AUDIO: as_file([row(-60 * 24), row(far + 60 * 24)])})
    assert place.changed_since(version) == {("alex", f"2023-04-{day:02}") for day in (4, 5, 7, 8, 9)}


def test_a_name_that_tells_of_videos_marks_the_files_days(place: Place) -> None:
    body = as_file([row(0)])
    place.take_files({"a.json": body})
    version = place.version()
    place.take_files({"b.json": body})
    assert place.changed_since(version) == set()
    place.take_files({"Streaming_History_Video_2023.json": body})
    assert place.changed_since(version) == {("alex", "2023-04-05")}
    version = place.version()
    place.take_files({"endvideo.json": body})
    assert place.changed_since(version) == set()


def test_new_names_of_tracks_are_changed_ids(place: Place) -> None:
    uri = row(0)["spotify_track_uri"]
    place.take_files({"a.json": as_file([row(1, spotify_track_uri=uri, master_metadata_track_name="New")])})
    version = place.version()
    place.take_files({"b.json": as_file([row(0, master_metadata_track_name="Old")])})
    assert place.rows("select count(*) from ops.changed_ids where version > %s", (version,)) == [(0,)]
    place.take_files({"c.json": as_file([row(2, spotify_track_uri=uri, master_metadata_track_name="Newer")])})
    assert place.rows("select kind, id from ops.changed_ids where version > %s", (version,)) == [("track", f"{0:022}")]
    assert place.rows("select track_name, named_at::text from raw.export_tracks") == [
        ("Newer", "2023-04-05 06:09:08+00")
    ]


def test_a_file_belongs_to_one_listener(place: Place) -> None:
    files = {AUDIO: as_file([row(0)]), "StreamingHistory_podcast_0.json": b"[]"}
    place.take_files(files)
    other = place.take_files(files, user_id="bo")
    [sentence] = other.refused
    assert sentence.endswith(
        f"{AUDIO} is part of alex's history already, and a file belongs to one listener: it can be imported for alex "
        "only."
    )
    assert place.rows("select distinct user_id from raw.streams") == [("alex",)]
    alone = place.take_files({AUDIO: as_file([row(0)])}, user_id="cy")
    assert (alone.export_hash, alone.partition) == (None, None)
    assert place.rows("select user_id from ops.unconnected_listeners order by 1") == [("alex",), ("bo",)]


def test_an_object_that_the_lake_has_damaged_is_told(place: Place, new_warehouse: NewWarehouse) -> None:
    place.take_files({AUDIO: as_file([row(0)])})
    [file, _] = place.objects()
    (place.folder / "lake" / file).write_bytes(b"damaged")
    other = Place(new_warehouse(), place.folder)
    loaded = load_keys(other.warehouse, other.lake, other.objects())
    assert loaded.unreadable == [file]
    [(position, reason)] = other.rows("select position, reason from raw.quarantine")
    assert (position, "is damaged" in str(reason)) == ("", True)


def test_a_large_import_lets_postgres_look_at_its_tables(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_WORTH_STATISTICS", 2)
    place.take_files({AUDIO: as_file([row(0), row(1)])})
    assert place.rows("select reltuples::int from pg_class where oid = 'raw.streams'::regclass") == [(2,)]


def test_only_keys_of_the_lake_are_looked_at(place: Place) -> None:
    place.take_files({AUDIO: as_file([row(0)])})
    (place.folder / "lake/streaming_history/user=alex/note.txt").write_text("mine")
    assert len(all_keys(place.lake)) == 2


def test_tracks_that_only_exports_name_wait_for_enrichment(place: Place) -> None:
    place.take_files({AUDIO: as_file([row(1), row(2), row(3, spotify_track_uri=row(2)["spotify_track_uri"]), row(4)])})
    with place.warehouse.connect() as connection:
        connection.execute("insert into raw.tracks (track_id) values (%s)", (f"{4:022}",))
    backlog = place.rows("select kind, id from ops.enrichment_backlog order by id")
    assert backlog == [("track", f"{1:022}"), ("track", f"{2:022}")]
