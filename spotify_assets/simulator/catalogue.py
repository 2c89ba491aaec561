"""The music of the simulated world: artists, albums and tracks without an end, each made from the seed when asked for.

Artist number 0 is the world's biggest. An album can have a second version with other ids and the same ISRCs, which is
what Spotify's relinking looks like from outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from random import Random
from typing import Literal

from spotify_assets.simulator.adopted import GivenTrack
from spotify_assets.simulator.ids import IdCipher
from spotify_assets.simulator.names import GENRES, album_name, artist_name, episode_name, show_name, track_name

BEGINNING = date(2018, 6, 1)
"""By then every artist has an album out."""
ARTIST, ALBUM, TRACK, PLAYLIST, EPISODE, SHOW, ADOPTED_ARTIST, ADOPTED_ALBUM = range(1, 9)
_FIRST_ADOPTED = 1 << 24
"""Numbers of artists from here on are those of adopted ones."""
_KINDS: tuple[Literal["album", "single"], ...] = ("album", "album", "album", "single")
_PRECISIONS: tuple[Literal["day", "month", "year"], ...] = ("day", "month", "year")
_COUNTRIES = ("US", "GB", "DE", "FR", "SE", "BR", "JP", "NL", "QM", "QZ")
_LABELS = ("Lantern Records", "Half Moon Music", "Northbound", "Tidal Pool", "Sieben & Söhne", "Kite House")


@dataclass(frozen=True, slots=True)
class Track:
    """A track of one album; `version` 1 is the same recording on the album's second version."""

    artist: int
    album: int
    position: int
    version: int
    id: str
    name: str
    duration_ms: int
    explicit: bool
    isrc: str
    popularity: int
    featuring: int | None


@dataclass(frozen=True)
class Album:
    """An album of one artist with its tracks in order."""

    artist: int
    number: int
    version: int
    id: str
    name: str
    kind: Literal["album", "single"]
    released: date
    precision: Literal["day", "month", "year"]
    upc: str
    label: str
    popularity: int
    image: str
    tracks: tuple[Track, ...]
    has_second_version: bool

    @property
    def release_date(self) -> str:
        """As Spotify writes it: as much of the date as is known."""
        return self.released.isoformat()[: {"year": 4, "month": 7, "day": 10}[self.precision]]


@dataclass(frozen=True)
class Artist:
    """An artist with all albums that are out or will ever be, oldest first."""

    number: int
    id: str
    name: str
    genres: tuple[str, ...]
    popularity: int
    followers: int
    image: str
    albums: tuple[Album, ...]

    @cached_property
    def by_popularity(self) -> tuple[tuple[date, Track], ...]:
        """Every track with its release date, the most played first."""
        pairs = [(album.released, track) for album in self.albums for track in album.tracks]
        return tuple(sorted(pairs, key=lambda pair: (-pair[1].popularity, pair[1].id)))


@dataclass(frozen=True, slots=True)
class Episode:
    """A podcast episode: it appears in exports and never in recently-played."""

    id: str
    name: str
    show: str
    duration_ms: int


class Catalogue:
    """Everything that can be played. Same seed, same catalogue; what was asked for once is kept."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.ids = IdCipher(seed)
        self._artists: dict[int, Artist] = {}
        self._second: dict[tuple[int, int], Album] = {}
        self._adopted_artists: dict[str, int] = {}
        self._adopted_names: dict[str, int] = {}
        self._adopted_albums: dict[str, tuple[int, int]] = {}
        self._adopted_tracks: dict[str, Track] = {}
        self._isrcs: dict[str, Track] = {}

    def artist(self, number: int) -> Artist:
        if number not in self._artists:
            self._artists[number] = self._make_artist(number)
        return self._artists[number]

    def artist_name(self, number: int) -> str:
        if number >= _FIRST_ADOPTED:
            return self._artists[number].name
        return artist_name(self._rng("name", number))

    def album(self, artist: int, number: int, version: int = 0) -> Album:
        if version == 0:
            return self.artist(artist).albums[number]
        if (artist, number) not in self._second:
            self._second[artist, number] = self._make_album(self.artist(artist).number, number, 1)
        return self._second[artist, number]

    def episode(self, show: int, number: int) -> Episode:
        rng = self._rng("episode", show, number)
        name = episode_name(rng, number)
        return Episode(
            id=self.ids.encode(EPISODE, (show << 24) | number),
            name=name,
            show=show_name(self._rng("show", show)),
            duration_ms=rng.randint(12 * 60_000, 75 * 60_000),
        )

    def find_artist(self, artist_id: str) -> Artist | None:
        """The artist with this id, or None."""
        if artist_id in self._adopted_artists:
            return self.artist(self._adopted_artists[artist_id])
        found = self.ids.decode(artist_id)
        return self.artist(found[1]) if found and found[0] == ARTIST else None

    def find_album(self, album_id: str) -> Album | None:
        """The album with this id, or None."""
        if album_id in self._adopted_albums:
            return self.album(*self._adopted_albums[album_id])
        found = self.ids.decode(album_id)
        return self._album_at(found[1]) if found and found[0] == ALBUM else None

    def find_track(self, track_id: str) -> Track | None:
        """The track with this id, or None."""
        if track_id in self._adopted_tracks:
            return self._adopted_tracks[track_id]
        found = self.ids.decode(track_id)
        if not found or found[0] != TRACK:
            return None
        return self._album_at(found[1]).tracks[(found[1] >> 8) & 0xFF]

    def find_isrc(self, isrc: str) -> Track | None:
        """A track with this ISRC, of those that anybody has asked for yet, or None."""
        return self._isrcs.get(isrc)

    def adopt(self, given: Sequence[GivenTrack]) -> list[Track]:
        """Takes tracks from outside into the catalogue, under their own ids; returns them in the same order.

        A name without an id is one artist; an artist's albums of one name are one album.
        """
        return [self._adopted_tracks.get(each.id) or self._adopt(each) for each in given]

    def other_version(self, track: Track) -> Track | None:
        """The same recording under another id, where there is one."""
        if not self.album(track.artist, track.album).has_second_version:
            return None
        return self.album(track.artist, track.album, 1 - track.version).tracks[track.position]

    def _adopt(self, given: GivenTrack) -> Track:
        numbers = [self._adopt_artist(artist_id, name) for artist_id, name in given.artists]
        artist = self._artists[numbers[0]]
        number = self._adopt_album(artist, given)
        album = self._artists[artist.number].albums[number]
        rng = self._rng("adopted track", given.id)
        # Most often one recording bears one code, on whatever album it is.
        code = self._rng("isrc", artist.name, given.name) if rng.random() < 0.7 else rng
        registrant = "".join(code.choices("ABCDEFGHJKLMNPRSTUVXYZ0123456789", k=3))
        track = Track(
            artist=artist.number,
            album=number,
            position=len(album.tracks),
            version=0,
            id=given.id,
            name=given.name,
            duration_ms=given.duration_ms or int(code.lognormvariate(12.27, 0.28)),
            explicit=rng.random() < 0.2,
            isrc=f"{code.choice(_COUNTRIES)}{registrant}{code.randint(0, 25):02d}{code.randint(0, 99_999):05d}",
            popularity=rng.randint(20, 90),
            featuring=numbers[1] if len(numbers) > 1 else None,
        )
        self._adopted_tracks[given.id] = self._isrcs[track.isrc] = track
        self._put_album(replace(album, tracks=(*album.tracks, track)))
        return track

    def _adopt_artist(self, artist_id: str | None, name: str) -> int:
        known = self._adopted_names.get(name) if artist_id is None else self._adopted_artists.get(artist_id)
        if known is not None:
            return known
        number = _FIRST_ADOPTED + len(self._adopted_artists)
        rng = self._rng("adopted artist", artist_id or name)
        own_id = artist_id or self.ids.encode(ADOPTED_ARTIST, number)
        self._artists[number] = Artist(
            number=number,
            id=own_id,
            name=name,
            genres=tuple(rng.sample(GENRES, rng.choice((0, 1, 1, 2, 3)))),
            popularity=(popularity := rng.randint(20, 90)),
            followers=int(1.14**popularity * rng.uniform(20, 60)),
            image=f"{rng.getrandbits(96):024x}",
            albums=(),
        )
        self._adopted_artists[own_id] = self._adopted_names[name] = number
        return number

    def _adopt_album(self, artist: Artist, given: GivenTrack) -> int:
        """The number, among its artist's albums, of the album that a track is on."""
        known = next((album.number for album in artist.albums if album.name == given.album_name), None)
        if known is not None:
            return known
        rng = self._rng("adopted album", artist.id, given.album_name)
        album = Album(
            artist=artist.number,
            number=len(artist.albums),
            version=0,
            id=given.album_id or self.ids.encode(ADOPTED_ALBUM, len(self._adopted_albums)),
            name=given.album_name,
            kind=rng.choice(_KINDS),
            released=BEGINNING - timedelta(days=rng.randrange(18_000)),
            precision="day",
            upc=str(rng.randint(10**11, 10**12 - 1)),
            label=rng.choice(_LABELS),
            popularity=rng.randint(20, 90),
            image=f"{rng.getrandbits(96):024x}",
            tracks=(),
            has_second_version=False,
        )
        self._adopted_albums[album.id] = (artist.number, album.number)
        self._put_album(album)
        return album.number

    def _put_album(self, album: Album) -> None:
        """Puts an album in its place among its artist's, or behind them."""
        artist = self._artists[album.artist]
        albums = (*artist.albums[: album.number], album, *artist.albums[album.number + 1 :])
        self._artists[album.artist] = replace(artist, albums=albums)

    def _album_at(self, number: int) -> Album:
        return self.album(number >> 24, (number >> 16) & 0xFF, number & 0xFF)

    def _rng(self, *what: object) -> Random:
        return Random("|".join(map(str, (self.seed, *what))))  # noqa: S311 - made-up data, not secrets

    def _make_artist(self, number: int) -> Artist:
        rng = self._rng("artist", number)
        popularity = max(1, min(97, int(96 - 12 * len(str(number)) - 0.01 * number + rng.gauss(0, 6))))
        return Artist(
            number=number,
            id=self.ids.encode(ARTIST, number),
            name=self.artist_name(number),
            genres=tuple(rng.sample(GENRES, rng.choice((0, 1, 1, 2, 3)))),
            popularity=popularity,
            followers=int(1.14**popularity * rng.uniform(20, 60)),
            image=f"{rng.getrandbits(96):024x}",
            albums=tuple(self._make_album(number, album, 0) for album in range(rng.choice((1, 2, 3, 4, 5, 7)))),
        )

    def _released(self, artist: int, number: int) -> date:
        """The first album came out before the simulated world begins; the next ones about two years apart."""
        rng = self._rng("career", artist)
        released = BEGINNING - timedelta(days=int(rng.expovariate(1 / 2500)) % 18_000)
        for _ in range(number):
            released += timedelta(days=rng.randint(180, 1300))
        return released

    def _make_album(self, artist: int, number: int, version: int) -> Album:
        rng = self._rng("album", artist, number)
        name, kind = album_name(rng), rng.choice(_KINDS)
        released = self._released(artist, number)
        precision = rng.choices(_PRECISIONS, (0.93, 0.01, 0.06) if released.year < 2000 else (1, 0, 0))[0]
        upc, label = str(rng.randint(10**11, 10**12 - 1)), rng.choice(_LABELS)
        second, image = rng.random() < 0.15, f"{rng.getrandbits(96):024x}"
        size = rng.randint(8, 16) if kind == "album" else rng.randint(1, 3)
        tracks = tuple(self._make_track(artist, number, position, version, released) for position in range(size))
        code = (artist << 24) | (number << 16) | version
        return Album(
            artist=artist,
            number=number,
            version=version,
            id=self.ids.encode(ALBUM, code),
            name=f"{name} (Deluxe Edition)" if version else name,
            kind=kind,
            released=released,
            precision=precision,
            upc=str(int(upc) + version),
            label=label,
            popularity=max(track.popularity for track in tracks),
            image=image,
            tracks=tracks,
            has_second_version=second,
        )

    def _make_track(self, artist: int, album: int, position: int, version: int, released: date) -> Track:
        rng = self._rng("track", artist, album, position)
        featuring = min(int(rng.paretovariate(0.6)), 4000) if rng.random() < 0.12 else None
        featured_name = None if featuring in (None, artist) else self.artist_name(featuring or 0)
        duration = int(rng.lognormvariate(12.27, 0.28)) if rng.random() > 0.015 else rng.randint(12_000, 45_000)
        registrant = "".join(rng.choices("ABCDEFGHJKLMNPRSTUVXYZ0123456789", k=3))
        track = Track(
            artist=artist,
            album=album,
            position=position,
            version=version,
            id=self.ids.encode(TRACK, (artist << 24) | (album << 16) | (position << 8) | version),
            name=track_name(rng, featured_name),
            duration_ms=max(12_000, min(duration, 1_400_000)),
            explicit=rng.random() < 0.2,
            isrc=f"{rng.choice(_COUNTRIES)}{registrant}{released.year % 100:02d}{rng.randint(0, 99_999):05d}",
            popularity=max(0, min(95, int(80 - 8 * len(str(artist)) - position * 2 + rng.gauss(0, 12)))),
            featuring=featuring if featured_name else None,
        )
        self._isrcs.setdefault(track.isrc, track)
        return track
