"""Other exports of the same listener: one of an earlier time, of which a file is missing, and account data."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from spotify_assets_tests.listening.exports.made_up import account_row, row
from spotify_assets_tests.modelling.in_pandas.told import Thing
from spotify_assets_tests.modelling.made_up.polls import Poll
from spotify_assets_tests.modelling.made_up.songs import Song

Files = Mapping[str, Sequence[Thing]]
# The night in which Berlin's clocks go back, and, a week later, the one in which New York's do.
EARLIER = datetime(2012, 10, 27, 20, tzinfo=UTC)
LATER_MINUTES = 60 * (24 * 7 + 8)
RULED_UNTIL = "2012-10-28T00:00:00Z"
PLATFORMS = [
    "iOS 9.1 (iPhone6,2)",
    "Windows 10 (10.0.19042; x64)",
    "Linux [x86-64 0]",
    "Partner sony_ps4 Sony;PS4",
    None,
]
BOOK = {
    "audiobook_title": "A Book",
    "audiobook_uri": "spotify:show:book",
    "audiobook_chapter_uri": "spotify:episode:chapter",
    "audiobook_chapter_title": "Chapter 1",
}
NO_TRACK = {
    "spotify_track_uri": None,
    "master_metadata_track_name": None,
    "master_metadata_album_artist_name": None,
    "master_metadata_album_album_name": None,
}


def earlier(songs: Sequence[Song]) -> Files:
    """Two files of music, the second of three missing between them, and one of videos: some were in both."""
    first = [_earlier(songs[number], number, 17 * number) for number in range(40)]
    other = [_earlier(songs[number], number, 17 * number + LATER_MINUTES) for number in range(30)]
    first += [
        row(1, **NO_TRACK, **BOOK, ts=_at(1_000)),
        row(2, ts=_at(1_020), spotify_track_uri="spotify:local:Somebody:Demos:A+tape:200"),
        row(3, **NO_TRACK, ts=_at(1_040)),
        # Rows that tell the same and differ elsewhere.
        _earlier(songs[1], 1, 17),
        _earlier(songs[2], 2, 34) | {"skipped": True, "platform": "web_player"},
    ]
    videos = [
        _earlier(songs[3], 3, 51) | {"ms_played": 400_000, "reason_end": "endplay"},
        _earlier(songs[5], 5, 85) | {"ms_played": 900},
        _earlier(songs[6], 6, 102),
        _earlier(songs[7], 7, 2_000),
    ]
    return {
        "Streaming_History_Audio_2012_0.json": first,
        "Streaming_History_Audio_2012_2.json": other,
        "Streaming_History_Video_2012.json": videos,
    }


def _at(minutes: int) -> str:
    return f"{EARLIER + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def _earlier(song: Song, number: int, minutes: int) -> dict[str, object]:
    return row(
        number,
        ts=_at(minutes),
        ms_played=[29_999, 30_000, 180_000][number % 3],
        spotify_track_uri=f"spotify:track:{song.id}",
        master_metadata_track_name=song.title,
        master_metadata_album_artist_name=song.artist,
        master_metadata_album_album_name=song.album,
        platform=PLATFORMS[number % len(PLATFORMS)],
        offline_timestamp=None,
        incognito_mode=number % 7 == 0,
        skipped=None if number % 2 else number % 4 == 0,
        reason_end="" if number % 6 == 5 else ["trackdone", "fwdbtn", "endplay"][number % 3],
    )


def account_data(last_poll: Poll, songs: Sequence[Song], inside: datetime) -> Files:
    """Of the last day: what a poll saw too, what none saw, names that nobody else tells; and podcasts.

    And of the days from `inside` on, which an extended export covers: it says nothing there.
    """
    seen = [(datetime.fromisoformat(str(item["played_at"])), item["track"]) for item in last_poll.items[::3]]
    told = [
        _account(at, str(thing["artists"][0]["name"]), str(thing["name"]), 31_000 * (1 + number % 4))
        for number, (at, thing) in enumerate(seen)
    ]
    latest = max(at for at, _ in seen)
    unseen = [(songs[3].artist, songs[3].title), ("Known to account data", "Only"), ("Known to account data", "Short")]
    told += [
        _account(latest + timedelta(minutes=5 * number), *names, [200_000, 190_000, 8_000][number % 3])
        for number, names in enumerate(unseen * 4, 1)
    ]
    covered = [
        _account(inside + timedelta(minutes=7 * number), song.artist, song.title, 100_000)
        for number, song in enumerate(songs[:10])
    ]
    podcasts = [
        {
            "endTime": f"{latest - timedelta(minutes=40 * number):%Y-%m-%d %H:%M}",
            "podcastName": "A Podcast",
            "episodeName": f"Episode {number}",
            "msPlayed": 600_000 * number,
        }
        for number in range(3)
    ]
    return {
        "StreamingHistory_music_0.json": covered,
        "StreamingHistory_music_2.json": told,
        "StreamingHistory_podcast_0.json": podcasts,
    }


def _account(at: datetime, artist: str, title: str, ms: int) -> dict[str, object]:
    return account_row(endTime=f"{at:%Y-%m-%d %H:%M}", artistName=artist, trackName=title, msPlayed=ms)
