"""The asset `streaming_history`: a partition is an export, and materializing it loads that export again."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.clock import FixedClock
from spotify_assets.listening.exports.assets import (
    EXPORTS,
    INBOX_TAG,
    LOADED_TAG,
    parse_partition,
    partition_of,
    streaming_history_asset,
)
from spotify_assets.listening.exports.checks import export_checks
from spotify_assets.listening.exports.inbox import open_inbox
from spotify_assets.settings import Settings
from spotify_assets.storage.sharing import NOT_SHOWN
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import AUDIO, as_file, put, row
from spotify_assets_tests.listening.exports.place import NOW, Place

FILES = {AUDIO: as_file([row(0), row(1), row(1), row(2, ms_played=None)])}


@pytest.fixture
def place(warehouse: Warehouse, tmp_path: Path) -> Place:
    return Place(warehouse, tmp_path)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def materialize(
    place: Place, instance: dg.DagsterInstance, partition: str, tags: Mapping[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions(str(EXPORTS.name), [partition])
    return dg.materialize(
        [streaming_history_asset(), *export_checks()],
        partition_key=partition,
        instance=instance,
        tags=tags,
        raise_on_error=False,
        resources={
            "warehouse": place.warehouse,
            "lake": place.lake,
            "clock": FixedClock(NOW),
            "inbox": open_inbox(Settings(SPOTIFY_ASSETS_HOME=place.folder)),
        },
    )


def told(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    assert result.success
    [event] = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def sentence(result: dg.ExecuteInProcessResult) -> str:
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data
    return str(failure.user_failure_data.description)


def test_a_listeners_name_may_hold_hyphens() -> None:
    assert parse_partition(partition_of("al-ex", "0123456789ab")) == ("al-ex", "0123456789ab")


def test_a_partition_loads_its_export_again_from_the_lake(place: Place, instance: dg.DagsterInstance) -> None:
    done = place.take_files(FILES)
    with place.warehouse.connect() as connection:
        connection.execute("truncate raw.streams, raw.export_files, raw.export_members, raw.export_tracks")
        connection.execute("update ops.raw_version set stream_count = 0")

    result = materialize(place, instance, str(done.partition))

    found = told(result)
    assert found["what_happened"] == "Loaded again from the lake."
    assert (found["rows_read"], found["streams_new"], found["rows_repeated"], found["rows_quarantined"]) == (4, 2, 1, 1)
    assert (found["dagster/row_count"], found["files"]) == (3, 1)
    assert "Song 1 – Artist" in str(found["preview"])
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == {
        "every_row_is_kept": True,
        "everything_landed_is_loaded": True,
        "inbox_is_taken_in": True,
        "nothing_is_quarantined": False,
        "table_is_as_declared": True,
    }
    again = told(materialize(place, instance, str(done.partition)))
    assert (again["streams_new"], again["rows_known"]) == (0, 2)


def test_what_a_listener_played_is_not_shown_where_several_share_a_warehouse(
    place: Place, instance: dg.DagsterInstance
) -> None:
    done = place.take_files(FILES)
    place.take_files({AUDIO: as_file([row(5)])}, user_id="bo")
    found = told(materialize(place, instance, str(done.partition)))
    assert found["preview"] == NOT_SHOWN
    assert not {"hours", "first_stream", "last_stream"} & set(found)
    assert "Song" not in str(found)


def test_an_export_that_the_lake_does_not_hold_is_a_sentence(place: Place, instance: dg.DagsterInstance) -> None:
    said = sentence(materialize(place, instance, "alex-0123456789ab"))
    assert said == (
        "The lake holds no export 0123456789ab of alex: import it with `spotify-assets import alex …`, or put it into "
        "inbox/alex/."
    )


def test_a_run_for_the_inbox_takes_in_what_lies_there(place: Place, instance: dg.DagsterInstance) -> None:
    expected = place.take_files(FILES, user_id="bo").export_hash
    with place.warehouse.connect() as connection:
        connection.execute("truncate raw.streams, raw.export_files, raw.export_members")
    put(place.folder / "inbox/alex", FILES)
    tags = {INBOX_TAG: f"inbox/alex/{AUDIO}"}

    found = told(materialize(place, instance, f"alex-{expected}", tags))

    assert (found["what_happened"], found["streams_new"]) == ("Taken in from the inbox.", 2)
    assert list((place.folder / "inbox/alex").iterdir()) == []
    # Run again, as after a kill behind the deletion, it finds its export in the lake.
    found = told(materialize(place, instance, f"alex-{expected}", tags))
    assert (found["what_happened"], found["rows_known"]) == ("Loaded again from the lake.", 2)


def test_what_has_changed_in_the_inbox_meanwhile_is_not_taken_for_what_was_asked(
    place: Place, instance: dg.DagsterInstance
) -> None:
    put(place.folder / "inbox/alex", FILES)
    said = sentence(materialize(place, instance, "alex-0123456789ab", {INBOX_TAG: f"inbox/alex/{AUDIO}"}))
    assert "is not what it was when it was seen" in said


def test_a_run_of_the_command_tells_what_it_loaded_and_loads_it_where_it_is_not(
    place: Place, instance: dg.DagsterInstance
) -> None:
    done = place.take_files(FILES)
    tags = {LOADED_TAG: ""}
    found = told(materialize(place, instance, str(done.partition), tags))
    assert (found["what_happened"], found["streams_new"]) == ("Loaded by `spotify-assets import`.", 2)
    with place.warehouse.connect() as connection:
        connection.execute("truncate raw.streams, raw.export_files, raw.export_members, raw.export_tracks")
    found = told(materialize(place, instance, str(done.partition), tags))
    assert (found["what_happened"], found["streams_new"]) == ("Loaded again from the lake.", 2)


def test_rows_that_are_neither_streams_nor_in_quarantine_fail_a_check(
    place: Place, instance: dg.DagsterInstance
) -> None:
    done = place.take_files(FILES)
    with place.warehouse.connect() as connection:
        connection.execute("delete from raw.streams where file_row = 1")
    result = materialize(place, instance, str(done.partition), {LOADED_TAG: ""})
    [failed] = [check for check in result.get_asset_check_evaluations() if check.check_name == "every_row_is_kept"]
    assert not failed.passed
    assert failed.description == (
        "1 files have rows that are neither streams nor in quarantine; materialize their export again."
    )
