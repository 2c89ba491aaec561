"""Music that the simulated Spotify is told to know: the tracks of exports and of recorded charts, under their own ids.

What the source doesn't say (lengths, ISRCs, covers, genres, ids of albums and artists) is made up from the seed.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_EXTENDED = "spotify:track:"


@dataclass(frozen=True)
class GivenTrack:
    """A track as its source describes it. `artists` are (id or None, name), the first one the album's too."""

    id: str
    name: str
    artists: tuple[tuple[str | None, str], ...]
    album_name: str
    album_id: str | None = None
    duration_ms: int | None = None


def tracks_of_exports(paths: Iterable[Path]) -> Iterator[GivenTrack]:
    """Every track that extended exports (zips, as Spotify delivers them) name, as the last row names it."""
    found: dict[str, GivenTrack] = {}
    for path in paths:
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                if name.endswith(".json"):
                    found |= {track.id: track for track in _rows(json.loads(packed.read(name)))}
    yield from found.values()


def _rows(rows: Iterable[dict[str, str | None]]) -> Iterator[GivenTrack]:
    for row in rows:
        uri, title = row.get("spotify_track_uri"), row.get("master_metadata_track_name")
        artist, album = row.get("master_metadata_album_artist_name"), row.get("master_metadata_album_album_name")
        if uri and title and artist and uri.startswith(_EXTENDED):
            yield GivenTrack(uri.removeprefix(_EXTENDED), title, ((None, artist),), album or title)
