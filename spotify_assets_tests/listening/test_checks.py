"""Each check on `raw_plays` passes on good rows, and fails on rows that the load itself would never have stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.listening.checks import QUESTIONS, about
from spotify_assets.listening.loading import load_objects
from spotify_assets.questions import answer
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.test_loading import NOON, a_play, land

TODAY = f"{NOON:%Y-%m-%d}"
ANOTHER_DAY = f"{NOON + timedelta(days=1):%Y-%m-%d}"


@pytest.fixture
def filled(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """One landed and loaded page of fifty plays."""
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    load_objects(warehouse, lake, [land(lake, NOON, [a_play(number) for number in range(1, 51)])])
    return warehouse


def asked(warehouse: Warehouse, day: str | None) -> dict[str, dg.AssetCheckResult]:
    return {question.name: answer(question, warehouse, about(day)) for question in QUESTIONS}


@pytest.mark.parametrize("day", [TODAY, ANOTHER_DAY, None])
def test_good_rows_pass(filled: Warehouse, day: str | None) -> None:
    assert {name: result.passed for name, result in asked(filled, day).items()} == dict.fromkeys(
        (question.name for question in QUESTIONS), True
    )


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        (
            "keys_are_unique",
            "alter table raw.plays drop constraint plays_pkey; insert into raw.plays select * from raw.plays limit 3",
            "3 plays are stored more than once",
        ),
        (
            "nothing_is_in_the_future",
            (
                "update raw.plays set played_at = played_at + interval '3 hours' "
                "where played_at = (select min(played_at) from raw.plays);"
                "update ops.landed_objects set last_played_at = (select max(played_at) from raw.plays)"
            ),
            "1 plays end after the moment they were reported",
        ),
        (
            "times_are_plausible",
            (
                "update raw.plays set played_at = date_trunc('second', timestamptz '2026-03-04 11:30:00+00')"
                " where played_at > '2026-03-04 11:53:30+00'"
            ),
            "plays end at moments that can't be true",
        ),
        (
            "nothing_is_quarantined",
            "insert into raw.quarantine select lake_key, '/items/7', 'not JSON', '' from ops.landed_objects",
            "1 things in the landed pages could not be read",
        ),
    ],
)
def test_damage_is_found_on_its_day_and_not_on_others(name: str, damage: str, sentence: str, filled: Warehouse) -> None:
    with filled.connect() as connection:
        connection.execute(damage.encode())

    for day in (TODAY, None):
        result = asked(filled, day)[name]
        assert not result.passed
        assert sentence in (result.description or "")
        assert "found" in result.metadata
    assert asked(filled, ANOTHER_DAY)[name].passed


def test_only_a_key_that_is_not_unique_blocks_what_comes_after() -> None:
    assert [(question.name, question.severity) for question in QUESTIONS if question.blocking] == [
        ("keys_are_unique", dg.AssetCheckSeverity.ERROR)
    ]


def test_a_play_before_spotify_was_founded_is_no_plausible_time(warehouse: Warehouse, tmp_path: Path) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    early = {**a_play(1), "played_at": datetime(1970, 1, 1, tzinfo=UTC).isoformat()}
    load_objects(warehouse, lake, [land(lake, NOON, [a_play(2), early])])
    assert not asked(warehouse, TODAY)["times_are_plausible"].passed
