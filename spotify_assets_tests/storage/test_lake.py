"""Every lake, in a folder or on S3, keeps what it was given, once, under the key it was given."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from spotify_assets.storage.lake import Lake, LakeCorrupt, LakeKey, decode, encode, lake_key, parse_key

AT = datetime(2026, 11, 21, 23, 59, 58, 999_999, UTC)
PAYLOAD = b'{"items": []}'
KEY = "recently_played/user=ada/date=2026-11-21/235958Z-35b1d0ac9d56.json.gz"


def key_of(payload: bytes, at: datetime = AT) -> str:
    return lake_key("recently_played", payload, at, "ada")


def test_a_key_says_what_whose_when_and_which_bytes() -> None:
    key = key_of(PAYLOAD)

    assert key.startswith("recently_played/user=ada/date=2026-11-21/235958Z-")
    assert parse_key(key) == LakeKey(
        "recently_played", "ada", date(2026, 11, 21), AT.replace(microsecond=0), key[-20:-8]
    )
    assert parse_key(lake_key("charts", PAYLOAD, AT, None)).user_id is None


def test_a_key_is_in_utc_whatever_zone_the_fetch_time_is_in() -> None:
    assert key_of(PAYLOAD, AT.astimezone(timezone(timedelta(hours=9)))) == key_of(PAYLOAD)
    with pytest.raises(ValueError, match="time zone"):
        key_of(PAYLOAD, AT.replace(tzinfo=None))


@pytest.mark.parametrize("key", ["", "x.json.gz", "a/user=../date=2026-01-01/000000Z-0123456789ab.json.gz", KEY + "\n"])
def test_what_is_no_key_is_not_parsed_as_one(key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        parse_key(key)
    with pytest.raises(ValueError, match="no key"):
        lake_key("charts", PAYLOAD, AT, "../ada")


def test_equal_payloads_are_stored_as_equal_bytes() -> None:
    assert encode(PAYLOAD) == encode(PAYLOAD)
    assert encode(PAYLOAD)[4:8] == bytes(4)  # gzip's time stamp
    assert gzip.decompress(encode(PAYLOAD)) == PAYLOAD


def test_damaged_objects_are_told_apart_from_missing_ones() -> None:
    key = key_of(PAYLOAD)
    for stored in (encode(PAYLOAD)[:-5], encode(PAYLOAD)[:12], b"", b"<html>", encode(b"other bytes")):
        with pytest.raises(LakeCorrupt, match=key):
            decode(key, stored)


def test_a_payload_comes_back_byte_for_byte(lake: Lake) -> None:
    payload = bytes(range(256)) * 1_000

    assert lake.put(key_of(payload), payload) is True
    assert lake.get(key_of(payload)) == payload


def test_nothing_is_ever_overwritten(lake: Lake) -> None:
    assert lake.put("notes/first.json.gz", b"first") is True
    assert lake.put("notes/first.json.gz", b"second") is False
    assert lake.get("notes/first.json.gz") == b"first"


def test_of_many_writers_of_one_key_exactly_one_wins(lake: Lake) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: lake.put(key_of(PAYLOAD), PAYLOAD), range(16)))

    assert sum(won) == 1
    assert lake.get(key_of(PAYLOAD)) == PAYLOAD
    assert list(lake.list("")) == [key_of(PAYLOAD)]


def test_a_missing_key_is_a_key_error(lake: Lake) -> None:
    with pytest.raises(KeyError, match="recently_played/user=ada"):
        lake.get(key_of(PAYLOAD))


def test_listing_is_by_prefix_and_in_the_order_of_code_points(lake: Lake) -> None:
    keys = ["a/b/2.gz", "a/b-c/1.gz", "a/b/10.gz", "a/bc.gz", "a=/z.gz", "b/Z.gz", "b/a.gz"]
    for key in keys:
        lake.put(key, key.encode())

    assert list(lake.list("")) == sorted(keys)
    assert list(lake.list("a/b")) == sorted(key for key in keys if key.startswith("a/b"))
    assert list(lake.list("a/b/")) == ["a/b/10.gz", "a/b/2.gz"]
    assert list(lake.list("a/b/1")) == ["a/b/10.gz"]
    assert list(lake.list("nothing/here")) == []
    assert list(lake.folders("a/")) == ["a/b-c/", "a/b/"]
    assert list(lake.folders("nothing/")) == []


def test_many_objects_are_read_concurrently_and_come_in_the_order_asked_for(lake: Lake) -> None:
    keys = [f"many/{n:03}.gz" for n in range(100)]
    for key in keys:
        lake.put(key, key.encode())

    asked = keys[::-1]
    assert list(lake.get_many(asked)) == [(key, key.encode()) for key in asked]


def test_one_missing_key_among_many_is_a_key_error_and_ends_the_reading(lake: Lake) -> None:
    lake.put("many/1.gz", b"1")
    found = lake.get_many(["many/1.gz", "many/2.gz"])

    assert next(found) == ("many/1.gz", b"1")
    with pytest.raises(KeyError):
        next(found)


def test_a_deleted_object_is_gone(lake: Lake) -> None:
    lake.put(key_of(PAYLOAD), PAYLOAD)
    lake.delete(key_of(PAYLOAD))
    lake.delete(key_of(PAYLOAD))

    assert list(lake.list("")) == []
    assert lake.put(key_of(PAYLOAD), PAYLOAD) is True


def test_a_deleted_folder_is_gone_and_its_neighbours_stay(lake: Lake) -> None:
    keys = [f"plays/user={user}/{day}/{n}.gz" for user in ("al", "al-ice") for day in ("a", "b") for n in range(3)]
    for key in [*keys, "plays/user=al/a/left_by_a_person.txt"]:
        lake.put(key, b"payload")

    assert list(lake.folders("")) == ["plays/"]
    assert lake.delete_folder("plays/user=al/") == 7
    assert list(lake.list("")) == keys[6:]
    assert list(lake.folders("plays/")) == ["plays/user=al-ice/"]
    assert lake.delete_folder("plays/user=al/") == 0
    assert lake.put(keys[0], b"payload") is True


@pytest.mark.parametrize(
    "key", ["../out.gz", "a/../../out.gz", "/etc/passwd", "a//b.gz", "a/.hidden", "", "a/", "a\0b"]
)
def test_a_key_never_leads_out_of_the_lake(lake: Lake, key: str, tmp_path: Path) -> None:
    for attempt in (lambda: lake.put(key, b"x"), lambda: lake.get(key), lambda: lake.delete_folder(f"{key}/")):
        with pytest.raises(ValueError, match="key of the lake"):
            attempt()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
