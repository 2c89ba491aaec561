"""A listener's extended streaming history as Spotify hands it out on request: a zip of JSON files with 23 keys a row.

It holds what the API never shows: skips, podcasts, private sessions, milliseconds played. Like the real ones it repeats
a few rows byte for byte, calls some recordings by another id, and tells music videos in a file of their own.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zlib import crc32

from spotify_assets.simulator.catalogue import Catalogue
from spotify_assets.simulator.shapes import Json, local_uri
from spotify_assets.simulator.streams import Stream
from spotify_assets.simulator.timekeeping import from_ms, to_ms

FOLDER = "Spotify Extended Streaming History"
ROWS_PER_FILE = 16_000
"""About 12 MB, where Spotify starts the next file."""
_SECONDS_SINCE = to_ms(datetime(2022, 10, 14, tzinfo=UTC))
"""From here on `offline_timestamp` is in seconds, before in milliseconds; `skipped` is only filled since."""


def export_zip(catalogue: Catalogue, streams: Sequence[Stream]) -> bytes:
    """The export of these streams as a zip; the same streams always give the same bytes."""
    audio = sorted((row for stream in streams for row in _audio_rows(catalogue, stream)), key=_ts)
    video = sorted((_row(catalogue, stream) | {"offline": None} for stream in streams if stream.video), key=_ts)
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for number, start in enumerate(range(0, len(audio), ROWS_PER_FILE)):
            rows = audio[start : start + ROWS_PER_FILE]
            _add(archive, f"Streaming_History_Audio_{_years(rows)}_{number}.json", _json(rows))
        if video:
            _add(archive, f"Streaming_History_Video_{_years(video)}.json", _json(video))
        _add(archive, "ReadMeFirst_ExtendedStreamingHistory.pdf", b"%PDF-1.4\n%%EOF\n")
    return packed.getvalue()


def _audio_rows(catalogue: Catalogue, stream: Stream) -> Iterator[Json]:
    """One row, or two equal ones; half of the videos appear here as well, with a shorter time."""
    draw = crc32(stream.stream_id.encode())
    row = _row(catalogue, stream)
    if stream.video:
        if draw % 2:
            yield row | {"ms_played": stream.ms_played // 2}
        return
    yield row
    if draw % 1000 == 0:
        yield row


def _row(catalogue: Catalogue, stream: Stream) -> Json:
    track, episode = stream.export_track, stream.episode
    album = catalogue.album(track.artist, track.album, track.version) if track else None
    artist = catalogue.artist_name(track.artist) if track else None
    uri = None
    if track and album and artist:
        uri = local_uri(artist, album.name, track) if stream.kind == "local" else f"spotify:track:{track.id}"
    is_recent = stream.ended_ms >= _SECONDS_SINCE
    has_start = crc32(stream.stream_id.encode()) % 7 != 0
    return {
        "ts": from_ms(stream.export_ts * 1000).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "platform": stream.platform,
        "ms_played": stream.ms_played,
        "conn_country": stream.country,
        "ip_addr": "203.0.113.7",
        "master_metadata_track_name": track.name if track else None,
        "master_metadata_album_artist_name": artist,
        "master_metadata_album_album_name": album.name if album else None,
        "spotify_track_uri": uri,
        "episode_name": episode.name if episode else None,
        "episode_show_name": episode.show if episode else None,
        "spotify_episode_uri": f"spotify:episode:{episode.id}" if episode else None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": stream.reason_start,
        "reason_end": stream.reason_end,
        "shuffle": stream.shuffle,
        "skipped": is_recent and stream.reason_end in ("fwdbtn", "backbtn", "clickrow"),
        "offline": stream.offline,
        "offline_timestamp": (stream.started_ms // 1000 if is_recent else stream.started_ms) if has_start else None,
        "incognito_mode": stream.incognito,
    }


def _ts(row: Json) -> str:
    return str(row["ts"])


def _years(rows: Sequence[Json]) -> str:
    first, last = _ts(rows[0])[:4], _ts(rows[-1])[:4]
    return first if first == last else f"{first}-{last}"


def _json(rows: Sequence[Json]) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=2).encode()


def _add(archive: ZipFile, name: str, body: bytes) -> None:
    entry = ZipInfo(f"{FOLDER}/{name}", date_time=(2026, 1, 1, 0, 0, 0))
    entry.compress_type = ZIP_DEFLATED
    archive.writestr(entry, body)
