"""Each check on the metadata passes on good rows, and fails on rows that tell of something to look at."""

from datetime import UTC, datetime
from typing import LiteralString

import pytest

from spotify_assets.catalog.checks import QUESTIONS, READABLE, about, about_fetched, plays_are_described
from spotify_assets.questions import answer
from spotify_assets.storage.warehouse import Warehouse

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TODAY, ANOTHER_DAY = "2026-03-04", "2026-03-05"
GOOD: LiteralString = """
    insert into raw.tracks (track_id, name, isrc) values ('t', 'Title', 'GB-ALB-83-00001'), ('u', 'No ISRC', null);
    insert into raw.artists (artist_id, name) values ('a', 'Artist');
    insert into raw.track_artists values ('t', 1, 'a');
    insert into ops.catalog_fetches values ('track', 't', '2026-03-04 12:00Z', false);
"""


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    with warehouse.connect() as connection:
        connection.execute(GOOD)
    return warehouse


@pytest.mark.parametrize(
    ("name", "damage", "sentence"),
    [
        (
            "ids_resolve",
            "insert into ops.catalog_fetches values ('track', 'gone', '2026-03-04 12:00Z', true)",
            "1 tracks are unknown to Spotify",
        ),
        (
            "isrcs_have_their_form",
            "update raw.tracks set isrc = 'GBALB83' where track_id = 't'",
            "1 tracks have an ISRC that can't be one",
        ),
        (
            "artists_have_names",
            "insert into raw.track_artists values ('u', 1, 'nobody')",
            "1 artists have no name",
        ),
    ],
)
def test_a_question_passes_on_good_rows_and_finds_the_others(
    name: str, damage: LiteralString, sentence: str, filled: Warehouse
) -> None:
    [question] = [each for questions in QUESTIONS.values() for each in questions if each.name == name]
    assert answer(question, filled, about(None)).passed
    with filled.connect() as connection:
        connection.execute(damage)
    found = answer(question, filled, about(None))
    assert not found.passed
    assert sentence in str(found.description)
    assert "found" in found.metadata


def test_what_can_t_be_read_is_found_on_its_day_and_at_the_asset_that_asked_for_it(filled: Warehouse) -> None:
    assert answer(READABLE, filled, about_fetched("artist_metadata", TODAY)).passed
    with filled.connect() as connection:
        connection.execute(
            "insert into ops.landed_objects (lake_key, dataset, fetched_at, rows_read, rows_quarantined) "
            "values ('key', 'genres', %s, 1, 1)",
            (NOON,),
        )
        connection.execute("insert into raw.quarantine values ('key', '/artists/7', 'no MBID', '')")
    for asset, day, passes in (
        ("artist_metadata", TODAY, False),
        ("artist_metadata", None, False),
        ("artist_metadata", ANOTHER_DAY, True),
        ("track_metadata", TODAY, True),
    ):
        found = answer(READABLE, filled, about_fetched(asset, day))
        assert found.passed == passes
        assert found.passed or "1 things in the answers could not be read" in str(found.description)


@pytest.mark.parametrize(
    ("plays", "ms", "passes"), [(19, 19_000, True), (18, 19_000, False), (19, 18_000, False), (0, 0, False)]
)
def test_of_twenty_plays_spotify_may_lack_the_track_of_one_and_of_the_listening_time_as_much(
    unbuilt_warehouse: Warehouse, plays: int, ms: int, passes: bool
) -> None:
    described, unknown = f"{1:022}", f"{2:022}"
    assert plays_are_described(unbuilt_warehouse).passed
    with unbuilt_warehouse.connect() as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(
            "create table marts.track_periods (period_kind text, track_key text, plays int, ms_listened int)"
        )
        connection.execute("insert into raw.tracks (track_id, name) values (%s, 'Title')", (described,))
        for track_id, share in ((described, (plays, ms)), (unknown, (20 - plays, 20_000 - ms))):
            connection.execute("insert into marts.track_periods values ('all_time', %s, %s, %s)", (track_id, *share))
    found = plays_are_described(unbuilt_warehouse)
    assert found.passed == passes
    assert f"{100 * plays / 20:.1f} % of the plays" in str(found.description)
    assert passes or "What is missing is asked for" in str(found.description)
