"""What polls saw of the last days of an export, and of the days after it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spotify_assets_tests.modelling.in_pandas.told import Thing
from spotify_assets_tests.modelling.made_up.songs import Song, id_of, other_releases, track

PLAYLIST = id_of("playlist")
CONTEXTS: list[Thing | None] = [
    None,
    {"type": "playlist", "uri": f"spotify:playlist:{PLAYLIST}"},
    {"type": "album", "uri": f"spotify:album:{id_of('album')}"},
    {"type": "playlist", "uri": f"spotify:playlist:{id_of('another playlist')}"},
]
LOCAL: Thing = {
    "id": None,
    "uri": "spotify:local:Somebody:Demos:A+tape:200",
    "type": "track",
    "name": "A tape",
    "duration_ms": 200_000,
    "is_local": True,
    "artists": [{"id": None, "name": "Somebody"}],
    "album": {"id": None, "name": "Demos"},
}


@dataclass(frozen=True)
class Poll:
    """When it was asked, and what came: plays, newest first."""

    fetched_at: datetime
    items: Sequence[Thing]


def polls(rows: Sequence[Thing], songs: Sequence[Song]) -> list[Poll]:
    """`rows` are the export's audio."""
    by_id = {song.id: song for song in songs}
    tracks = [(str(row["ts"]), by_id[uri.removeprefix("spotify:track:")]) for row in rows if (uri := _uri(row))]
    streams = [(datetime.fromisoformat(end), song) for end, song in sorted(tracks, key=lambda each: each[0])]
    *_, (last, _) = streams
    asked = last - timedelta(hours=12)
    seen = [(end, song) for end, song in streams if end < asked][-60:]
    first = _page(asked, [item for number, (end, song) in enumerate(seen) for item in _seen(number, end, song)])
    again = Poll(asked + timedelta(minutes=30), first.items)
    # Days after the export's end, in which nobody polled; then two weeks that polls alone prove, with a hole.
    return [first, again, *(_after(last + timedelta(days=days), songs) for days in (6, 7, 15))]


def _uri(row: Thing) -> str:
    return str(row["spotify_track_uri"] or "")


def _seen(number: int, end: datetime, song: Song) -> Iterator[Thing]:
    """What the API says of a stream: the same, nearly the same, another release of it, or nothing."""
    releases = other_releases(song)
    plays = [
        [(0.347, track(song))],
        [(-59.9, track(song))],
        [(3.0, releases["same isrc"])],
        [(-5.0, releases["no isrc"])],
        [(60.0, track(song))],
        [(60.001, track(song))],
        [(10.0, track(song)), (-20.0, track(song))],
        [],
        [(1.5, releases["with a guest"])],
    ][number % 9]
    for seconds, thing in plays:
        yield _item(end + timedelta(seconds=seconds), thing, number)


def _after(begin: datetime, songs: Sequence[Song]) -> Poll:
    """A day of plays that only the API saw: known tracks, a file of the listener's own, a track of unknown length."""
    things = [track(song) for song in songs[:200:13]]
    newcomer = Song(id_of("new"), "Just Out", "A Newcomer", "Just Out", 9_001)
    things += [track(newcomer, duration_ms=None), LOCAL, LOCAL]
    items = [_item(begin + timedelta(minutes=21 * number, milliseconds=number), thing, number)
             for number, thing in enumerate(things)]  # fmt: skip
    return _page(begin + timedelta(hours=8), items)


def _item(played_at: datetime, thing: Thing, number: int) -> Thing:
    at = played_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"track": thing, "played_at": at, "context": CONTEXTS[number % len(CONTEXTS)]}


def _page(fetched_at: datetime, items: Iterable[Thing]) -> Poll:
    newest_first = sorted(items, key=lambda item: str(item["played_at"]), reverse=True)
    return Poll(fetched_at.replace(microsecond=0), newest_first[:50])
