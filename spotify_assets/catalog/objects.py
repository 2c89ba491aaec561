"""What Spotify's track, album and artist objects say, as versions: one row for each different content of an id.

Reads the shapes of all access tiers: an absent field is None, and None never erases a known value (see `loading.py`).
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal

from spotify_assets.reading import Reader

Kind = Literal["track", "album", "artist"]
Value = str | int | bool | list[str] | None

# Column names of raw.<kind>s with their Postgres types; `artist_ids` lies in its own table, raw.<kind>_artists.
COLUMNS: dict[Kind, tuple[tuple[str, str], ...]] = {
    "track": (
        ("name", "text"),
        ("duration_ms", "integer"),
        ("explicit", "boolean"),
        ("isrc", "text"),
        ("popularity", "integer"),
        ("is_local", "boolean"),
        ("album_id", "text"),
        ("disc_number", "integer"),
        ("track_number", "integer"),
    ),
    "album": (
        ("name", "text"),
        ("album_type", "text"),
        ("release_date", "text"),
        ("release_date_precision", "text"),
        ("total_tracks", "integer"),
        ("image_url", "text"),
        ("label", "text"),
        ("upc", "text"),
    ),
    "artist": (
        ("name", "text"),
        ("image_url", "text"),
        ("popularity", "integer"),
        ("followers", "integer"),
    ),
}
HAS_ARTISTS: frozenset[Kind] = frozenset({"track", "album"})


@dataclass(frozen=True)
class Version:
    """What one payload says of one id. `values` follow `COLUMNS[kind]`; `artist_ids` is None without such a list."""

    kind: Kind
    id: str
    values: tuple[Value, ...]
    artist_ids: tuple[str, ...] | None = None

    @property
    def content_hash(self) -> str:
        """32 hexadecimal digits that depend on the content only."""
        content = json.dumps([self.values, self.artist_ids], separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:32]


@dataclass
class Catalogue:
    """The versions found in one payload, each once."""

    versions: dict[tuple[Kind, str, str], Version] = field(default_factory=dict)

    def add(self, version: Version) -> None:
        self.versions[version.kind, version.id, version.content_hash] = version


def _artists(reader: Reader, found: Catalogue) -> tuple[str, ...] | None:
    artists = reader.children("artists")
    if artists is None:
        return None
    ids = []
    for artist in artists:
        artist_id = artist.key("id")
        if artist_id is None:  # the artists of a local file have a name only
            continue
        ids.append(artist_id)
        read_artist(artist, found)
    return tuple(ids)


def read_artist(artist: Reader, found: Catalogue) -> str | None:
    """Adds an artist object, whole or as it stands in others, to `found`; returns its id, or None without one."""
    artist_id = artist.key("id")
    if artist_id is None:
        return None
    followers = artist.child("followers")
    values = (
        artist.text("name"),
        _largest_image(artist),
        artist.integer("popularity"),
        followers.integer("total") if followers else None,
    )
    found.add(Version("artist", artist_id, values))
    return artist_id


def _largest_image(thing: Reader) -> str | None:
    images = [(image.integer("width") or 0, image.text("url")) for image in thing.children("images") or []]
    return max(images, key=lambda image: image[0])[1] if images else None


def read_album(album: Reader, found: Catalogue) -> str | None:
    """Adds an album object, whole or as it stands in a track, with its artists; returns its id, or None without one."""
    album_id = album.key("id")
    if album_id is None:
        return None
    external_ids = album.child("external_ids")
    values = (
        album.text("name"),
        album.text("album_type"),
        album.text("release_date"),
        album.text("release_date_precision"),
        album.integer("total_tracks"),
        _largest_image(album),
        album.text("label"),
        external_ids.text("upc") if external_ids else None,
    )
    found.add(Version("album", album_id, values, _artists(album, found)))
    return album_id


def read_track(track: Reader, found: Catalogue) -> str | None:
    """Adds a track object, its album and its artists to `found`; returns the id, or the URI of a local file.

    Returns None where the object has neither: nothing can be said of such a track.
    """
    track_id = track.key("id") or track.key("uri")
    if track_id is None:
        return None
    album = track.child("album")
    external_ids = track.child("external_ids")
    values = (
        track.text("name"),
        track.integer("duration_ms"),
        track.boolean("explicit"),
        external_ids.text("isrc") if external_ids else None,
        track.integer("popularity"),
        track.boolean("is_local"),
        read_album(album, found) if album else None,
        track.integer("disc_number"),
        track.integer("track_number"),
    )
    found.add(Version("track", track_id, values, _artists(track, found)))
    return track_id
