"""What lies in the inbox is taken in, and goes only when the lake has given it back."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import dagster as dg
import pytest

from spotify_assets.automation import inbox as automation
from spotify_assets.automation.inbox import SETTLED_SECONDS, Handled, due, export_inbox_sensor, read_cursor
from spotify_assets.clock import FixedClock
from spotify_assets.errors import UserError
from spotify_assets.listening.exports.inbox import Entry, Inboxes, open_inbox
from spotify_assets.listening.exports.inbox_checks import verdict
from spotify_assets.listening.exports.intake import look_at, take_in
from spotify_assets.settings import Settings
from spotify_assets.settings import settings as settings_of_the_process
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import AUDIO, PRIVATE, as_file, as_zip, old_row, put, row
from spotify_assets_tests.listening.exports.place import NOW, Place

GOOD = as_zip({AUDIO: as_file([row(0), old_row(1)]), "ReadMe.pdf": b"%PDF"})


@pytest.fixture
def place(warehouse: Warehouse, tmp_path: Path) -> Place:
    return Place(warehouse, tmp_path)


def inbox_of(place: Place) -> Inboxes:
    return open_inbox(Settings(SPOTIFY_ASSETS_HOME=place.folder))


def take(place: Place, address: str, user_id: str = "alex") -> None:
    take_in(inbox_of(place), address, user_id, place.warehouse, place.lake, FixedClock(NOW))


def addresses(place: Place) -> list[str]:
    return [entry.address for entry in inbox_of(place).entries()]


def test_a_zip_goes_when_it_is_safe_and_makes_its_listener(place: Place) -> None:
    put(place.folder / "inbox/alex", {"my_data.zip": GOOD, ".hidden": b""})
    assert addresses(place) == ["inbox/alex/my_data.zip"]
    take(place, "inbox/alex/my_data.zip")
    assert addresses(place) == []
    assert place.rows("select user_id, count(*) from raw.streams group by 1") == [("alex", 2)]
    assert place.rows("select user_id from ops.unconnected_listeners") == [("alex",)]
    assert not [key for key in place.objects() if PRIVATE["username"].encode() in place.lake.get(key)]


def test_of_a_folder_only_what_is_safe_goes(place: Place) -> None:
    put(place.folder / "inbox/alex/MyData/deeper", {AUDIO: as_file([row(0)]), "Userdata.json": b'{"email": "e"}'})
    take(place, "inbox/alex/MyData")
    left = [path.name for path in (place.folder / "inbox/alex/MyData").rglob("*") if path.is_file()]
    assert left == ["Userdata.json"]
    assert look_at(inbox_of(place), inbox_of(place).entries()[0]).export_hash is None


def test_what_was_refused_in_part_stays_as_a_whole(place: Place) -> None:
    put(place.folder / "inbox/alex", {"a.zip": as_zip({AUDIO: as_file([row(0)]), "endsong_0.json": b""})})
    take(place, "inbox/alex/a.zip")
    assert addresses(place) == ["inbox/alex/a.zip"]
    assert place.rows("select count(*) from raw.streams") == [(1,)]


def test_a_file_stays_where_the_lake_gives_other_bytes_back(place: Place) -> None:
    put(place.folder / "inbox/alex", {"a.zip": GOOD})
    take(place, "inbox/alex/a.zip")
    (place.folder / "lake" / place.objects()[0]).write_bytes(b"damaged")
    put(place.folder / "inbox/alex", {"a.zip": GOOD})
    with pytest.raises(UserError, match="is damaged"):
        take(place, "inbox/alex/a.zip")
    assert addresses(place) == ["inbox/alex/a.zip"]


def test_an_address_never_leaves_the_inbox(place: Place) -> None:
    for address in ("inbox/../x", "inbox/alex/..", "other/alex/x"):
        with pytest.raises(UserError, match="is no place in the inbox"):
            inbox_of(place).given(address)


def test_the_bucket_of_a_lake_on_s3_has_an_inbox_too(place: Place, s3_environment: str) -> None:
    chosen = Settings(SPOTIFY_ASSETS_HOME=place.folder, lake_url="s3://exports-inbox/some/prefix")
    inbox, lake = open_inbox(chosen), open_lake(chosen)
    assert inbox.entries() == []
    list(lake.list(""))  # makes the bucket
    client = boto3.client("s3", endpoint_url=s3_environment)
    client.put_object(Bucket="exports-inbox", Key="some/prefix/inbox/alex/my data.zip", Body=GOOD)
    client.put_object(Bucket="exports-inbox", Key="some/prefix/inbox/bo/MyData/endsong_0.json", Body=as_file([row(7)]))
    client.put_object(Bucket="exports-inbox", Key="some/prefix/inbox/bo/MyData/Userdata.json", Body=b"{}")
    for entry in inbox.entries():
        assert look_at(inbox, entry).export_hash
        take_in(inbox, entry.address, entry.user_id, place.warehouse, lake, FixedClock(NOW))
    assert [entry.address for entry in inbox.entries()] == ["s3://exports-inbox/some/prefix/inbox/bo/MyData"]
    assert [one.name for one in inbox.given("s3://exports-inbox/some/prefix/inbox/bo/MyData")] == ["Userdata.json"]
    assert place.rows("select user_id, count(*) from raw.streams group by 1 order by 1") == [("alex", 2), ("bo", 1)]


# The sensor.


@pytest.fixture
def instance(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(place.folder))
    settings_of_the_process.cache_clear()
    monkeypatch.setattr(automation, "SETTLED_SECONDS", 0.0)
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = export_inbox_sensor()(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_an_empty_inbox_is_a_reason_to_skip(instance: dg.DagsterInstance) -> None:
    assert tick(instance).skip_reason == dg.SkipReason("The inbox is empty.")


def test_an_export_is_asked_for_once_by_its_hash_whatever_it_is_named(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place.folder / "inbox/al-ex", {"my_data.zip": GOOD})
    first = tick(instance)
    [request] = first.run_requests or []
    [partition] = [key for added in first.dynamic_partitions_requests or [] for key in added.partition_keys]
    assert request.partition_key == partition
    assert request.tags["spotify_assets/inbox"] == "inbox/al-ex/my_data.zip"
    assert partition.startswith("al-ex-")
    assert "al-ex" not in str(first.cursor)
    second = tick(instance, first.cursor)
    assert (second.run_requests, second.skip_reason) == (
        [],
        dg.SkipReason("1 things in the inbox are still being copied, or a run has them."),
    )
    now = time.time() + 120
    monkeypatch.setattr(time, "time", lambda: now)
    [again] = tick(instance, second.cursor).run_requests or []
    assert (again.partition_key, again.run_key == request.run_key) == (partition, False)
    instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.STARTED, tags=dict(request.tags))
    assert not tick(instance, second.cursor).run_requests


@dg.job
def _nothing() -> None:
    pass


def test_what_is_refused_is_told_once_and_looked_at_again_when_it_changes(
    place: Place, instance: dg.DagsterInstance
) -> None:
    put(place.folder / "inbox/alex", {"photo.json": b"<html>"})
    first = tick(instance)
    assert "photo.json is a web page" in str(first.skip_reason)
    assert "alex" not in str(first.cursor)
    second = tick(instance, first.cursor)
    assert second.skip_reason == dg.SkipReason(
        "Nothing new is in the inbox; of 1 things in it something was refused, and they stay there."
    )
    put(place.folder / "inbox/alex", {"photo.json": as_file([row(0)])})
    assert tick(instance, second.cursor).run_requests


def test_an_export_of_which_something_is_refused_is_asked_for_until_a_run_has_taken_in_the_rest(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place.folder / "inbox/alex/export", {"photo.json": b"<html>", AUDIO: as_file([row(0)])})
    first = tick(instance)
    assert first.run_requests
    now = time.time() + 120
    monkeypatch.setattr(time, "time", lambda: now)
    assert tick(instance, first.cursor).run_requests, "the first one died"


def test_a_listeners_folder_that_can_t_be_read_is_named_and_the_others_exports_are_taken_in(
    place: Place, instance: dg.DagsterInstance
) -> None:
    put(place.folder / "inbox/bo", {"my_data.zip": GOOD})
    (place.folder / "inbox/alex").symlink_to("alex")  # a loop, which root can't read either
    first = tick(instance)
    assert first.run_requests
    said = str(tick(instance, first.cursor).skip_reason)
    assert f"The inbox {place.folder}/inbox/alex can't be read (Too many levels of symbolic links); see to it." in said
    inbox = open_inbox(settings_of_the_process())
    assert not verdict(inbox.entries(), datetime.now(UTC), inbox.problems()).passed


def test_a_folder_that_can_be_no_listeners_is_told(place: Place, instance: dg.DagsterInstance) -> None:
    put(place.folder / "inbox/Ada Lovelace", {"my_data.zip": GOOD})
    assert "'Ada Lovelace' can't be a listener's name" in str(tick(instance).skip_reason)


def test_what_is_still_being_copied_is_left_alone() -> None:
    entry = Entry("inbox/alex/a.zip", "alex", "1", changed_at=1000.0)
    assert due([entry], {}, 1000.0 + SETTLED_SECONDS / 2) == []
    assert due([entry], {}, 1000.0 + SETTLED_SECONDS) == [entry]


def test_a_cursor_that_cannot_be_read_is_an_empty_one() -> None:
    assert read_cursor("[1]") == read_cursor("x") == read_cursor('{"a": {"b": 1}}') == {}
    assert read_cursor('{"a": {"state": "s", "is_refused": true}}') == {"a": Handled("s", True)}
