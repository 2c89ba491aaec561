"""The response fixtures of three other API clients, which nobody here wrote, are read without a fault."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotify_assets.catalog.objects import Catalogue, read_album, read_artist, read_track
from spotify_assets.catalog.playlists import track_objects
from spotify_assets.reading import Reader

READ = {"track": read_track, "artist": read_artist, "album": read_album}
CLIENTS = ("joostlek-python-spotify", "zmb3-spotify", "spotify-web-api-java")


def objects(value: object) -> Iterator[dict[str, object]]:
    """Every JSON object in a value, at any depth."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from objects(each)
    elif isinstance(value, list):
        for each in value:
            yield from objects(each)


def files(folder: Path) -> Iterator[tuple[str, object]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".json", ".txt"):
            try:
                yield path.relative_to(folder).as_posix(), json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue  # plain-text bodies, such as a 403


@pytest.mark.parametrize("client", CLIENTS)
def test_every_track_artist_and_album_is_read(real_data: Path, client: str) -> None:
    found: Counter[str] = Counter()
    for name, payload in files(real_data / "api" / client):
        for value in objects(payload):
            kind = value.get("type")
            if kind in READ and "name" in value:
                reader = Reader(value, name)
                READ[str(kind)](reader, Catalogue())
                assert reader.faults == [], name
                found[str(kind)] += 1
    print(client, dict(found))
    assert min(found[kind] for kind in READ) > 0


def test_rows_with_both_track_and_item_give_one_entry_each(real_data: Path) -> None:
    rows = 0
    both = 0
    for client in CLIENTS:
        for name, payload in files(real_data / "api" / client):
            for value in objects(payload):
                items = value.get("items")
                if not isinstance(items, list) or not any(
                    isinstance(row, dict) and ("track" in row or "item" in row) and "added_at" in row for row in items
                ):
                    continue
                things = [row.get("item") or row.get("track") for row in items if isinstance(row, dict)]
                tracks = [each for each in things if isinstance(each, dict) and each.get("type", "track") == "track"]
                assert [each.value for each in track_objects(Reader(value, name))] == tracks, name
                rows += len(tracks)
                both += sum("item" in row and "track" in row for row in items if isinstance(row, dict))
    print(f"{rows} rows of playlists and libraries, {both} with both names")
    assert both > 0
