"""What Spotify and MusicBrainz answered about tracks, artists and albums, and when: payloads as they land."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from spotify_assets_tests.modelling.in_pandas.told import MusicBrainz, Thing
from spotify_assets_tests.modelling.made_up.songs import Song, album, artist, other_releases, track

IN_A_CALL = 50
FETCHED = datetime(2026, 1, 5, tzinfo=UTC)
# MusicBrainz' list of genres; a shorter one would be taken for an error page.
GENRES = [f"genre {number:03}" for number in range(120)]


@dataclass(frozen=True)
class Answer:
    """One kind of thing, fetched at once."""

    dataset: str
    fetched_at: datetime
    things: Sequence[Thing]


def described(songs: Sequence[Song]) -> list[Thing]:
    """The songs' objects, with guests on every fifth; every tenth was released more than once."""
    objects: list[Thing] = []
    for song in songs:
        guests = [artist(songs[(song.number + 7) % len(songs)].artist)] if song.number % 5 == 0 else []
        if song.number % 15 == 0:  # named twice
            guests.append(artist(song.artist))
        if song.number == 4:  # somebody else of the same name
            guests.append(artist(songs[9].artist, another=True))
        objects.append(track(song, guests))
        if song.number % 10 == 0:
            objects += other_releases(song).values()
    return objects


def answers(songs: Sequence[Song]) -> Iterator[Answer]:
    """The oldest first."""
    # Before and after the answer that says most: what is lacking later stays, and the newest name counts.
    old = [track(song, name="An old name", popularity=7) for song in songs[:12]]
    yield Answer("tracks", FETCHED - timedelta(days=30), old)
    objects = described(songs)
    for number in range(0, len(objects), IN_A_CALL):
        yield Answer("tracks", FETCHED + timedelta(seconds=number), objects[number : number + IN_A_CALL])
    artists = {str(credit["id"]): credit for thing in objects for credit in thing["artists"]}
    whole = [_whole_artist(credit) for credit in artists.values() if _digit(credit) < 12]
    for number in range(0, len(whole), IN_A_CALL):
        yield Answer("artists", FETCHED + timedelta(days=1, seconds=number), whole[number : number + IN_A_CALL])
    # Spotify takes back the genres of some.
    genreless = [{**thing, "genres": []} for thing in whole if thing.get("genres")][::4]
    yield Answer("artists", FETCHED + timedelta(days=2), genreless)
    albums = {str(thing["id"]): thing for thing in map(album, songs)}
    yield Answer("albums", FETCHED + timedelta(days=3), [_whole_album(each) for each in albums.values()][:150])
    changed = [track(s, name=f"{s.title} - Remastered", popularity=None, external_ids=None) for s in songs[6:18]]
    yield Answer("tracks", FETCHED + timedelta(days=30), changed)


def _digit(thing: Thing) -> int:
    """From 0 to 15, by chance."""
    return int(str(thing["id"])[-1], 16)


def _whole_artist(named: Thing) -> Thing:
    digit = _digit(named)
    known: dict[str, object] = {
        **named,
        "images": [{"url": f"https://i.example/{named['id']}/{width}", "width": width} for width in (160, 640)],
        "popularity": 40 + digit,
        "followers": {"total": 1_000 * digit},
    }
    # Apps in Development Mode get none, and many artists have none.
    return known | (
        {"genres": [*GENRES[digit : digit + 1 + digit % 3], "of Spotify"][: digit % 4]} if digit < 6 else {}
    )


def _whole_album(named: Thing) -> Thing:
    digit = _digit(named)
    return {
        **named,
        "total_tracks": 10 + digit,
        "label": f"Label {digit}" if digit % 2 else None,
        "external_ids": {"upc": f"{digit:012}"},
    }


def musicbrainz(songs: Sequence[Song]) -> MusicBrainz:
    """It knows some by their address, one under two, some by an ISRC."""
    artists = {str(each["id"]): each for each in (artist(song.artist) for song in songs)}
    by_address = {each: [_mbid(each)] for each, named in artists.items() if _digit(named) in {0, 1, 7, 8, 9, 12, 13}}
    several = {each: [_mbid(each), _mbid(each + "!")] for each, named in artists.items() if _digit(named) == 10}
    by_isrc = {
        song.isrc: {_mbid(str(credit["id"])): str(credit["name"]).upper(), _mbid("guest"): "Somebody Else"}
        for song in songs
        for credit in [artist(song.artist)]
        if song.isrc and _digit(credit) == 14
    }
    told = [*by_address.values(), *several.values(), *by_isrc.values()]
    tags = {mbid: _tags(mbid) for mbids in told for mbid in mbids}
    return MusicBrainz({**by_address, **several}, by_isrc, tags, GENRES)


def _mbid(name: str) -> str:
    digits = sha256(name.encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))


def _tags(mbid: str) -> dict[str, int]:
    """One is no genre, and one is voted down."""
    digit = sum(mbid.encode()) % 16
    genres = {GENRES[(digit * 3 + place) % 30]: 1 + (digit + place * 5) % 7 for place in range(digit % 5)}
    return {**genres, "seen live": 9, GENRES[50]: -1}
