"""Which tracks are one recording: track_recordings, dim_recordings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.catalogue import compared

APART_MS = 2_000
COLUMNS = ["track_id", "recording_id", "grouped_by"]
GUESTS = re.compile(r"[\[(]\s*(feat|ft|with)[. ][^])]*[\])]|\s-\s(feat|ft)[. ].*$", re.IGNORECASE)


@dataclass(frozen=True)
class _Track:
    track_id: str
    isrc: str | None
    ms: int | None


def track_recordings(tracks: pd.DataFrame) -> pd.DataFrame:
    """`tracks` is dim_tracks. A group that has its names in common only is called `name:` and its smallest id."""
    alike: dict[tuple[str, str], list[_Track]] = {}
    found: dict[str, tuple[str, str]] = {}
    columns = tracks[["track_id", "isrc", "duration_ms", "track_name", "main_artist_name"]]
    for track_id, isrc, ms, name, artist in columns.itertuples(index=False, name=None):
        track = _Track(track_id, None if pd.isna(isrc) else isrc, None if pd.isna(ms) else int(ms))
        title = compared(GUESTS.sub("", name)) if isinstance(name, str) else None
        by = compared(artist)
        found[track_id] = (f"isrc:{isrc}", "isrc") if track.isrc else (f"track:{track_id}", "alone")
        if title and by:
            alike.setdefault((title, by), []).append(track)
    for same in alike.values():
        found |= {track.track_id: recording for track, recording in _by_name(same) if not track.isrc}
    return pd.DataFrame([(track_id, *recording) for track_id, recording in found.items()], columns=COLUMNS)


def _by_name(same: list[_Track]) -> Iterator[tuple[_Track, tuple[str, str]]]:
    """Of tracks of one title and artist those that have company; one of unknown length may be the only recording."""
    recordings = {f"isrc:{track.isrc}" for track in same if track.isrc}
    for group in _by_length(same):
        isrcs = {track.isrc for track in group if track.isrc}
        smallest = min(track.track_id for track in group)
        recording = f"isrc:{isrcs.pop()}" if len(isrcs) == 1 else f"name:{smallest}"
        recordings |= {recording for track in group if not track.isrc}
        yield from ((track, (recording, "name")) for track in group)
    if len(recordings) == 1:
        only = (recordings.pop(), "name")
        yield from ((track, only) for track in same if track.ms is None)


def _by_length(tracks: list[_Track]) -> list[list[_Track]]:
    """In order of length, until the next is more than two seconds longer."""
    groups: list[list[_Track]] = []
    latest = 0
    for ms, track in sorted(((track.ms, track) for track in tracks if track.ms is not None), key=lambda each: each[0]):
        if groups and ms - latest <= APART_MS:
            groups[-1].append(track)
        else:
            groups.append([track])
        latest = ms
    return groups


def with_known_names(recordings: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """With the ids that the marts give to groups of names: what these are made of is no column's meaning."""
    ids = dict(zip(found["track_id"], found["recording_id"], strict=True))
    named = recordings["recording_id"].str.removeprefix("name:")
    is_named = recordings["recording_id"].str.startswith("name:")
    given = named.map(ids).where(named.map(ids).str.startswith("name:"))
    return recordings.assign(recording_id=recordings["recording_id"].where(~is_named, given))


def dim_recordings(tracks: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    """The track that came out first says what it is called."""
    rows = tracks.merge(recordings, on="track_id").sort_values(
        ["recording_id", "is_only_named", "release_date", "track_id"], na_position="last"
    )
    groups = rows.groupby("recording_id", sort=False)
    first = rows.drop_duplicates("recording_id").set_index("recording_id")
    return pd.DataFrame({
        "title": first["track_name"],
        "main_artist_id": first["main_artist_id"],
        "main_artist_name": first["main_artist_name"],
        "duration_ms": first["duration_ms"],
        "first_release_year": groups["release_year"].min(),
        "track_count": groups.size(),
        "track_ids": groups["track_id"].agg(list),
        "isrcs": groups["isrc"].agg(list).map(_each_once).map(lambda isrcs: isrcs or None),
        "grouped_by": groups["grouped_by"].agg(list).map(_each_once),
    }).reset_index()  # fmt: skip


def _each_once(values: list[object]) -> list[str]:
    return sorted({value for value in values if isinstance(value, str)})
