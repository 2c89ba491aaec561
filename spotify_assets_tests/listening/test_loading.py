"""The order in which landed pages are loaded, and how often, changes nothing."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spotify_assets.listening.ledger import DATASET
from spotify_assets.listening.loading import load_objects
from spotify_assets.settings import Settings
from spotify_assets.simulator.replay import recorded_polls
from spotify_assets.storage.lake import Lake, lake_key, open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.sizes import size
from spotify_assets_tests.world import snapshot

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def a_play(number: int, **changes: object) -> dict[str, object]:
    """A play in the shape of the API, `number` minutes before noon; `changes` replace keys of the track."""
    track = {
        "id": f"track{number:017d}",
        "uri": f"spotify:track:track{number:017d}",
        "name": f"Track {number}",
        "duration_ms": 180_000,
        "artists": [{"id": f"artist{number % 7:016d}", "name": f"Artist {number % 7}"}],
        "album": {"id": f"album{number % 5:017d}", "name": f"Album {number % 5}", "artists": []},
        **changes,
    }
    played_at = (NOON - timedelta(minutes=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"track": track, "played_at": played_at, "context": None}


def land(lake: Lake, fetched_at: datetime, items: object) -> str:
    payload = json.dumps({"items": items}).encode()
    key = lake_key(DATASET, payload, fetched_at, "anna")
    lake.put(key, payload)
    return key


def land_recorded(lake: Lake, file: Path) -> list[str]:
    keys = []
    for recorded in recorded_polls(file):
        keys.append(lake_key(DATASET, recorded.body, recorded.polled_at, "anna"))
        lake.put(keys[-1], recorded.body)
    return keys


@pytest.mark.parametrize("order", ["shuffled, in several loads", *size([], ["in one load", "twice"])])
def test_the_real_polls_give_the_same_rows_in_any_order(
    order: str, warehouse: Warehouse, real_data: Path, tmp_path: Path
) -> None:
    """223 distinct plays on 307 pages, three of which Spotify published behind newer ones."""
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    file = real_data / "api/recently_played_polls_2022-09-01_to_07.jsonl.xz"
    keys = land_recorded(lake, file)
    shuffled = random.Random(7).sample(keys, len(keys))  # noqa: S311
    batches = {
        "in one load": [keys],
        "twice": [keys, keys],
        "shuffled, in several loads": [shuffled[n : n + 20] for n in range(0, len(shuffled), 20)],
    }[order]
    for batch in batches:
        load_objects(warehouse, lake, batch)

    with warehouse.connect() as connection:
        stored = connection.execute(
            'select to_char(played_at, \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\'), track_id from raw.plays'
        ).fetchall()
    pairs = {(i["played_at"], i["track"]["id"]) for p in recorded_polls(file) for i in json.loads(p.body)["items"]}
    assert len(stored) == len(pairs) == 223
    assert set(stored) == pairs
    rows = snapshot(warehouse, "raw")
    reference = _reference.setdefault("rows", rows)
    assert rows == reference


_reference: dict[str, dict[str, list[str]]] = {}


def test_the_newest_fetch_wins_even_when_it_is_loaded_first(warehouse: Warehouse, tmp_path: Path) -> None:
    """A, then B, then A again, in every order of loading: it is A, for that was said last."""
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    names = ["A", "B", "A"]
    keys = [land(lake, NOON + timedelta(hours=n), [a_play(1, name=name)]) for n, name in enumerate(names)]
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        with warehouse.connect() as connection:
            connection.execute("truncate raw.plays, raw.tracks, raw.track_versions, ops.version_sightings")
        for index in order:
            load_objects(warehouse, lake, [keys[index]])
        with warehouse.connect() as connection:
            assert connection.execute("select name from raw.tracks").fetchall() == [("A",)]


def test_an_absent_field_erases_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    first = land(lake, NOON, [a_play(1, popularity=40, external_ids={"isrc": "DEXX12600001"})])
    second = land(lake, NOON + timedelta(hours=1), [a_play(1, name="New name")])
    load_objects(warehouse, lake, [second, first])
    with warehouse.connect() as connection:
        assert connection.execute("select name, popularity, isrc from raw.tracks").fetchall() == [
            ("New name", 40, "DEXX12600001")
        ]


def test_a_page_loaded_again_takes_no_new_version_and_a_quiet_poll_one_that_changes_no_day(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """The models are built when `raw` changed. A quiet poll proves that nothing was played, which coverage shows."""
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    items = [a_play(n) for n in range(50)]
    keys = [land(lake, NOON, items)]
    first = load_objects(warehouse, lake, keys)
    again = load_objects(warehouse, lake, keys)
    with warehouse.connect() as connection:
        assert connection.execute("select version, play_count from ops.raw_version").fetchall() == [(1, 50)]
        quiet = load_objects(warehouse, lake, [land(lake, NOON + timedelta(minutes=30), items)])
        assert connection.execute("select version, play_count from ops.raw_version").fetchall() == [(2, 50)]
        assert connection.execute("select count(*) from ops.changed_days").fetchall() == [(1,)]
    assert (first.plays_new, again.plays_new, again.plays_changed) == (50, 0, 0)
    assert (quiet.plays_new, quiet.plays_changed) == (0, 0)


def test_what_cant_be_read_waits_in_quarantine_and_the_rest_loads(warehouse: Warehouse, tmp_path: Path) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    items = [
        a_play(1),
        {**a_play(2), "played_at": "yesterday"},
        {**a_play(3), "track": None},
        "nonsense",
        a_play(5, duration_ms="three minutes", name="nul\x00"),
        a_play(6, id=None, uri="spotify:local:a:b:c:200", is_local=True),
        a_play(7, id=None, uri=None),
        a_play(8, popularity=10**12, name="half \ud83d"),
    ]
    key = land(lake, NOON, items)
    loaded = load_objects(warehouse, lake, [key])
    with warehouse.connect() as connection:
        ids = connection.execute("select track_id from raw.plays order by played_at desc").fetchall()
        held = connection.execute("select position, reason from raw.quarantine order by position").fetchall()
    assert [track for (track,) in ids] == [
        f"track{1:017d}",
        f"track{5:017d}",
        "spotify:local:a:b:c:200",
        f"track{8:017d}",
    ]
    assert [where for where, _ in held] == [
        "/items/1",
        "/items/1/played_at",
        "/items/2",
        "/items/3",
        "/items/4/track/duration_ms",
        "/items/4/track/name",
        "/items/6",
        "/items/7/track/name",
        "/items/7/track/popularity",
    ]
    assert (loaded.plays_new, loaded.quarantined) == (4, 9)


LONG = random.Random(4).randbytes(6000).hex()  # noqa: S311 - 12,000 characters that no index can compress


@pytest.mark.parametrize(
    ("odd", "faults"),
    [
        ({"external_ids": {"isrc": LONG}}, []),
        ({"artists": [{"id": LONG, "name": "Artist"}]}, ["/items/0/track/artists/0/id"]),
        ({"album": {"id": LONG, "name": "Album"}}, ["/items/0/track/album/id"]),
        ({"id": LONG, "uri": LONG}, ["/items/0", "/items/0/track/id", "/items/0/track/uri"]),
    ],
)
def test_text_that_no_index_can_hold_stops_no_load(
    odd: dict[str, object], faults: list[str], warehouse: Warehouse, tmp_path: Path
) -> None:
    """It once stopped every later load too: what had landed was tried again and again."""
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    loaded = load_objects(warehouse, lake, [land(lake, NOON, [a_play(1, **odd), a_play(2)])])
    with warehouse.connect() as connection:
        held = connection.execute("select position from raw.quarantine order by position").fetchall()
    assert [where for (where,) in held] == faults
    assert loaded.plays_new == (1 if "id" in odd else 2)


@pytest.mark.parametrize("payload", [b"<html>", b"[]", b'{"items": 3}', b'{"error": {}}', b"\xff\xfe\x00", b""])
def test_a_payload_that_is_no_page_is_one_row_of_quarantine(
    payload: bytes, warehouse: Warehouse, tmp_path: Path
) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    key = lake_key(DATASET, payload, NOON, "anna")
    lake.put(key, payload)
    loaded = load_objects(warehouse, lake, [key, land(lake, NOON, [a_play(1)])])
    assert (loaded.plays_new, loaded.quarantined) == (1, 1)
    with warehouse.connect() as connection:
        assert connection.execute("select lake_key from raw.quarantine").fetchall() == [(key,)]


@pytest.mark.parametrize(
    ("items", "proved_from"),
    [
        ([a_play(1), a_play(2), a_play(3)], 3),
        ([a_play(1), a_play(2), {"track": None, "played_at": None}, a_play(4)], 2),
        ([a_play(1), "no row", a_play(3)], None),
        ([{"track": {}}, a_play(2)], None),
        ([], None),
    ],
)
def test_a_page_proves_nothing_further_back_than_a_row_that_cannot_be_read(
    items: list[object], proved_from: int | None, warehouse: Warehouse, tmp_path: Path
) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    load_objects(warehouse, lake, [land(lake, NOON, items)])
    with warehouse.connect() as connection:
        spans = connection.execute("select lower(spans), upper(spans) from raw.polled_spans").fetchall()
    assert spans == ([(NOON - timedelta(minutes=proved_from), NOON)] if proved_from else [])


def test_pages_that_say_the_same_tell_when_it_was_said_first_and_last(warehouse: Warehouse, tmp_path: Path) -> None:
    """In one load: three equal pages, and another one between them."""
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    old, new = [a_play(1, name="Old")], [a_play(1, name="New")]
    told = [old, new, old, old]
    keys = [land(lake, NOON + timedelta(hours=hour), items) for hour, items in enumerate(told)]
    load_objects(warehouse, lake, keys)
    with warehouse.connect() as connection:
        assert connection.execute("select name from raw.tracks").fetchall() == [("Old",)]
        seen = connection.execute(
            "select v.name, v.valid_from, s.last_fetched_at from raw.track_versions as v "
            "inner join ops.version_sightings as s on s.id = v.track_id and s.content_hash = v.content_hash order by 1"
        ).fetchall()
        [(noted,)] = connection.execute("select count(*) from ops.landed_objects").fetchall()
    one, three = NOON + timedelta(hours=1), NOON + timedelta(hours=3)
    assert seen == [("New", one, one), ("Old", NOON, three)]
    assert noted == 4
