"""Landed answers that are odd: each loads as far as it can be read, and none stops a load."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotify_assets.catalog.landed import load_things
from spotify_assets.loaders import LOADERS
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import Lake, lake_key, open_lake
from spotify_assets.storage.warehouse import Warehouse

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATER = NOON.replace(hour=13)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))


def land(lake: Lake, dataset: str, said: object, at: datetime = NOON) -> str:
    payload = json.dumps(said).encode()
    key = lake_key(dataset, payload, at, None)
    lake.put(key, payload)
    return key


@pytest.mark.parametrize(
    ("genres", "where"),
    [
        (["pop", "rock\x00"], "/genres/1"),
        (["pop", "half \ud83d"], "/genres/1"),
        (["g" * 501], "/genres/0"),
        (["pop", 7], "/genres/1"),
        ("rock", "/genres"),
    ],
)
def test_genres_that_cannot_be_read_stop_no_load_and_take_no_known_ones_away(
    genres: object, where: str, lake: Lake, warehouse: Warehouse
) -> None:
    known = land(lake, "artists", {"id": "a", "name": "Artist", "genres": ["techno"]})
    odd = land(lake, "artists", {"id": "a", "name": "Renamed", "genres": genres}, LATER)
    load_things(warehouse, lake, [known, odd])
    with warehouse.connect() as connection:
        assert connection.execute("select name from raw.artists").fetchall() == [("Renamed",)]
        assert connection.execute("select genre from raw.artist_genres").fetchall() == [("techno",)]
        assert connection.execute("select position from raw.quarantine").fetchall() == [(where,)]


@pytest.mark.parametrize("dataset", sorted(LOADERS))
def test_two_equal_answers_of_one_second_are_one_object(dataset: str, lake: Lake, warehouse: Warehouse) -> None:
    key = land(lake, dataset, {})
    LOADERS[dataset](warehouse, lake, [key, key])
    with warehouse.connect() as connection:
        assert connection.execute("select lake_key from ops.landed_objects").fetchall() == [(key,)]
