"""What the newest answers of Spotify, and the names in exports, say of tracks, artists and albums."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

from spotify_assets_tests.modelling.in_pandas.told import Thing, World

Known = dict[str, dict[str, object]]


@dataclass(frozen=True)
class Catalogue:
    """By id what is known of each thing. `named`: what exports call a track, by its id."""

    tracks: Known
    artists: Known
    albums: Known
    named: Known

    def track_name(self, track_id: str) -> object:
        return self.tracks.get(track_id, {}).get("name") or self.named.get(track_id, {}).get("track_name")

    def credits(self, track_id: str) -> list[str]:
        """The artists of a track, each once, in order."""
        return list(dict.fromkeys(artists_of(self.tracks.get(track_id, {}))))

    def artist_name(self, artist_id: str) -> object:
        return self.artists.get(artist_id, {}).get("name")

    def album_artist(self, track_id: str) -> object:
        """The first artist of the album, else of the track, else as exports name it."""
        album = self.albums.get(str(self.tracks.get(track_id, {}).get("album_id")), {})
        names = [self.artist_name(artist_id) for artist_id in [*artists_of(album), *self.credits(track_id)]]
        return next((name for name in names if name), self.named.get(track_id, {}).get("artist"))

    def who_alone_bears(self, name: object) -> str | None:
        """The id of the artist of that name, where there is just one."""
        ids = [artist_id for artist_id, artist in self.artists.items() if artist.get("name") == name]
        return ids[0] if name is not None and len(ids) == 1 else None


def catalogue(world: World, named: Known) -> Catalogue:
    known: dict[str, Known] = {"track": {}, "artist": {}, "album": {}}
    for kind, thing in world.things:
        for found, thing_id, columns in _things_in(kind, thing):
            row = known[found].setdefault(thing_id, {})
            row.update({name: value for name, value in columns.items() if value is not None})
    return Catalogue(known["track"], known["artist"], known["album"], named)


def _things_in(kind: str, thing: Thing) -> Iterator[tuple[str, str, dict[str, object]]]:
    """The thing and those inside it, with what is said of each."""
    # The artists of a local file have a name only.
    inside = [artist for artist in _list(thing, "artists") if artist.get("id")]
    for artist in inside:
        yield from _things_in("artist", artist)
    artist_ids = [artist["id"] for artist in inside] if "artists" in thing else None
    thing_id = str(thing.get("id") or thing["uri"])
    external = _object(thing, "external_ids")
    plain = {name: thing.get(name) for name in ("name", "popularity")}
    if kind == "artist":
        columns = {**plain, "image_url": _largest(thing), "followers": _object(thing, "followers").get("total")}
    elif kind == "album":
        names = ("album_type", "release_date", "release_date_precision", "total_tracks", "label")
        columns = {
            **plain, **{name: thing.get(name) for name in names}, "image_url": _largest(thing),
            "upc": external.get("upc"), "artist_ids": artist_ids,
        }  # fmt: skip
    else:
        album = _object(thing, "album")
        if album.get("id"):
            yield from _things_in("album", album)
        names = ("duration_ms", "explicit", "is_local", "disc_number", "track_number")
        columns = {
            **plain, **{name: thing.get(name) for name in names}, "album_id": album.get("id"),
            "isrc": external.get("isrc"), "artist_ids": artist_ids,
        }  # fmt: skip
    yield kind, thing_id, columns


def _object(thing: Thing, name: str) -> Thing:
    value = thing.get(name)
    return value if isinstance(value, Mapping) else {}


def _list(thing: Thing, name: str) -> Sequence[Thing]:
    value = thing.get(name)
    return value if isinstance(value, Sequence) else []


def _largest(thing: Thing) -> object:
    return max(_list(thing, "images"), key=lambda image: int(str(image["width"])), default={"url": None})["url"]


def artists_of(row: Mapping[str, object]) -> list[str]:
    """The ids of a track's or album's artists, in order."""
    ids = row.get("artist_ids")
    return [str(each) for each in ids] if isinstance(ids, list) else []


def compared(text: object) -> str | None:
    """A title or name as it is compared: letters and digits only."""
    kept = "".join(sign for sign in normalize("NFKC", text).lower() if sign.isalnum()) if isinstance(text, str) else ""
    return kept or None
