"""Tracks of an export as Spotify's objects: artists, albums and other releases are made up around ids and names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from spotify_assets_tests.modelling.in_pandas.told import Thing

SECOND = 1_000


@dataclass(frozen=True)
class Song:
    """A track as an export names it; `number` is its place by streams, from 0."""

    id: str
    title: str
    artist: str
    album: str
    number: int

    @property
    def duration_ms(self) -> int:
        return 150 * SECOND + self.number * 7_919 % (180 * SECOND)

    @property
    def isrc(self) -> str | None:
        """Three of four have one."""
        return None if self.number % 4 == 3 else f"DEA01{self.number:07}"


def id_of(*names: str) -> str:
    """An id in the form of Spotify's."""
    return sha256("\n".join(names).encode()).hexdigest()[:22]


def songs_of(rows: Iterable[Thing]) -> list[Song]:
    """The tracks that rows of an export name, those with most streams first."""
    counts: dict[str, int] = {}
    named: dict[str, Thing] = {}
    for row in rows:
        if uri := row["spotify_track_uri"]:
            counts[uri] = counts.get(uri, 0) + 1
            named[uri] = row
    return [
        Song(
            uri.removeprefix("spotify:track:"),
            named[uri]["master_metadata_track_name"],
            named[uri]["master_metadata_album_artist_name"],
            named[uri]["master_metadata_album_album_name"],
            number,
        )
        for number, uri in enumerate(sorted(counts, key=lambda uri: (-counts[uri], uri)))
    ]


def artist(name: str, *, another: bool = False) -> Thing:
    """As it stands in tracks and albums; `another` bears the same name."""
    artist_id = id_of("artist", name, "another" if another else "")
    return {"id": artist_id, "name": name, "type": "artist", "uri": f"spotify:artist:{artist_id}"}


def album(song: Song) -> Thing:
    album_id = id_of("album", song.artist, song.album)
    number = int(album_id, 16)
    date = f"{1970 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}"
    precision, length = [("year", 4), ("month", 7), ("day", 10)][number % 3]
    return {
        "id": album_id,
        "name": song.album,
        "type": "album",
        "album_type": ["album", "single", "compilation"][number // 3 % 3],
        "release_date": date[:length],
        "release_date_precision": precision,
        "artists": [artist(song.artist)],
        "images": [{"url": f"https://i.example/{album_id}/{width}", "width": width} for width in (64, 640, 300)],
    }


def track(song: Song, guests: Sequence[Thing] = (), **changed: object) -> Thing:
    """The whole object; what is changed to None is absent."""
    whole = {
        "id": song.id,
        "uri": f"spotify:track:{song.id}",
        "type": "track",
        "name": song.title,
        "duration_ms": song.duration_ms,
        "explicit": song.number % 6 == 0,
        "is_local": False,
        "disc_number": 1 + song.number % 2,
        "track_number": 1 + song.number % 14,
        "popularity": song.number % 101 if song.number % 5 else None,
        "external_ids": {"isrc": song.isrc} if song.isrc else None,
        "artists": [artist(song.artist), *guests],
        "album": album(song),
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def other_releases(song: Song) -> dict[str, Thing]:
    """Tracks of the same title and artist, or nearly: each on the album that bears its name here."""

    def release(name: str, isrc: str | None, later_ms: int, title: str = "") -> Thing:
        other = replace(song, id=id_of(name, song.id), album=name)
        return track(
            other,
            name=title or song.title,
            external_ids={"isrc": isrc} if isrc else None,
            duration_ms=song.duration_ms + later_ms,
        )

    return {
        "same isrc": release("same isrc", song.isrc, 9 * SECOND),
        "no isrc": release("no isrc", None, 2 * SECOND),
        "longer": release("longer", None, 12 * SECOND),
        "with a guest": release("with a guest", None, -1_500, f"{song.title} (feat. Somebody Else)"),
    }
