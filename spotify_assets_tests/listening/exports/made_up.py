"""Made-up exports for the tests: rows of each generation, files, zips."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

START = datetime(2023, 4, 5, 6, 7, 8, tzinfo=UTC)
PRIVATE = {"ip_addr": "198.51.100.77", "username": "canary_of_the_user", "user_agent_decrypted": "canary agent"}
AUDIO = "Streaming_History_Audio_2023_0.json"


def row(number: int = 0, **changed: object) -> dict[str, object]:
    """One row of 23 keys, a track; each number is another minute and another track."""
    return {
        "ts": (START + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "platform": "ios",
        "ms_played": 100_000 + number,
        "conn_country": "DE",
        "ip_addr": PRIVATE["ip_addr"],
        "master_metadata_track_name": f"Song {number}",
        "master_metadata_album_artist_name": "Artist",
        "master_metadata_album_album_name": "Album",
        "spotify_track_uri": f"spotify:track:{number:022}",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": 1_680_000_000 + number,
        "incognito_mode": False,
        **changed,
    }


def old_row(number: int = 0, **changed: object) -> dict[str, object]:
    """One row of 21 keys, as files named endsong hold."""
    kept = {key: value for key, value in row(number).items() if "audiobook" not in key and key != "ip_addr"}
    return {**kept, **{key: PRIVATE[key] for key in PRIVATE if key != "ip_addr"}, "ip_addr_decrypted": "", **changed}


def account_row(number: int = 0, **changed: object) -> dict[str, object]:
    """One row of basic account data."""
    return {
        "endTime": (START + timedelta(minutes=number)).strftime("%Y-%m-%d %H:%M"),
        "artistName": "Artist",
        "trackName": f"Song {number}",
        "msPlayed": 100_000 + number,
        **changed,
    }


def as_file(rows: Sequence[object]) -> bytes:
    """The rows as Spotify writes them."""
    return json.dumps(rows, ensure_ascii=False, indent=2).encode()


def as_zip(files: Mapping[str, bytes], folder: str = "Spotify Extended Streaming History/") -> bytes:
    """The files as the zip that Spotify sends."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(f"{folder}{name}", body)
    return packed.getvalue()


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """The files in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder
