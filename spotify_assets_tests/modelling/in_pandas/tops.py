"""Ranks: top_tracks, top_artists, top_albums, top_recordings, top_genres, and the tracks that they name."""

from collections.abc import Sequence

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.listening import DATES, summed, tracks_of
from spotify_assets_tests.modelling.in_pandas.periods import KINDS, PERIOD, beside, in_periods, moved, parts

# Between the parts of a key that is made of names.
BETWEEN = "\x1f"
NAMES = ["track_id", "track_name", "artist", "album"]
# What only the API tells of tracks and recordings.
UNTOLD_OF_TRACKS = [
    "main_artist_id", "artist_ids", "artist_names", "album_id", "album_type", "release_date", "release_date_precision",
    "release_year", "duration_ms", "isrc", "is_explicit", "is_local", "disc_number", "track_number", "popularity",
]  # fmt: skip
UNTOLD_OF_RECORDINGS = ["main_artist_id", "duration_ms", "first_release_year", "isrcs"]


def named_tracks(streams: pd.DataFrame) -> pd.DataFrame:
    """One row a track, as the export names it."""
    return tracks_of(streams)[NAMES].drop_duplicates("track_id").reset_index(drop=True)


def ranked(rows: pd.DataFrame, key: str, kinds: Sequence[str] = tuple(KINDS)) -> pd.DataFrame:
    """Streams by period and key: sums, ranks, shares, and the period before."""
    rows = in_periods(rows, kinds)
    tops = summed(rows, [*PERIOD, key], tracks=("track_id", "nunique"), **DATES)
    periods = tops.groupby(PERIOD)
    tops = tops.assign(
        rank=_places(tops, "plays"),
        rank_by_time=_places(tops, "ms_listened"),
        share_of_plays=parts(tops["plays"], periods["plays"].transform("sum")),
        share_of_time=parts(tops["ms_listened"], periods["ms_listened"].transform("sum")),
    )
    names = {"rank": "previous_rank", "plays": "plays_before", "ms_listened": "ms_before"}
    before = beside(tops, moved(tops, -1), [key], names).astype("Int64")
    return pd.concat([tops, before], axis=1).assign(change=before["previous_rank"] - tops["rank"])


def _places(tops: pd.DataFrame, by: str) -> pd.Series:
    return tops.groupby(PERIOD)[by].rank(method="min", ascending=False).astype("Int64")


def top_tracks(streams: pd.DataFrame, kinds: Sequence[str] = tuple(KINDS)) -> pd.DataFrame:
    rows = tracks_of(streams)
    names = rows.drop_duplicates("track_key").set_index("track_key")[["track_id", "track_name", "artist"]]
    return (
        ranked(rows, "track_key", kinds)
        .drop(columns="tracks")
        .join(names.rename(columns={"artist": "main_artist_name"}), on="track_key")
    )


def artist_key(names: pd.Series) -> pd.Series:
    return "name" + BETWEEN + names


def top_artists(streams: pd.DataFrame, kinds: Sequence[str] = tuple(KINDS)) -> pd.DataFrame:
    rows = tracks_of(streams).rename(columns={"artist": "artist_name"} | {"artist_name": "show"})
    tops = ranked(rows, "artist_name", kinds)
    return tops.assign(artist_key=artist_key(tops["artist_name"]), artist_id=None)


def top_albums(streams: pd.DataFrame, kinds: Sequence[str] = tuple(KINDS)) -> pd.DataFrame:
    rows = tracks_of(streams)
    rows = rows.assign(album_key="name" + BETWEEN + rows["artist"] + BETWEEN + rows["album"])
    names = rows.drop_duplicates("album_key").set_index("album_key")[["album", "artist"]]
    names = names.rename(columns={"album": "album_name", "artist": "main_artist_name"})
    return ranked(rows, "album_key", kinds).join(names, on="album_key").assign(album_id=None)


def top_genres(streams: pd.DataFrame, kinds: Sequence[str] = tuple(KINDS)) -> pd.DataFrame:
    """The export knows no genre: all is of the unknown one. Plays have two decimals."""
    rows = tracks_of(streams).assign(genre="unknown")
    artists = in_periods(rows, kinds).groupby(PERIOD)["artist"].nunique().rename("artists")
    tops = ranked(rows, "genre", kinds).join(artists, on=PERIOD)
    return tops.assign(plays=tops["plays"] * 100, plays_before=tops["plays_before"] * 100)


def track_recordings(streams: pd.DataFrame) -> pd.DataFrame:
    """An export knows neither ISRCs nor lengths: each track is alone."""
    tracks = named_tracks(streams)
    return tracks.assign(recording_id="track:" + tracks["track_id"], grouped_by="alone")


def top_recordings(streams: pd.DataFrame, kinds: Sequence[str] = tuple(KINDS)) -> pd.DataFrame:
    rows = tracks_of(streams)
    rows = rows.assign(recording_id="track:" + rows["track_id"])
    names = rows.drop_duplicates("recording_id").set_index("recording_id")[["track_name", "artist"]]
    names = names.rename(columns={"track_name": "title", "artist": "main_artist_name"})
    return ranked(rows, "recording_id", kinds).join(names, on="recording_id")


def dim_tracks(streams: pd.DataFrame) -> pd.DataFrame:
    tracks = named_tracks(streams)
    return pd.DataFrame({
        "track_id": tracks["track_id"],
        "content_uri": "spotify:track:" + tracks["track_id"],
        "track_name": tracks["track_name"],
        "main_artist_name": tracks["artist"],
        "album_name": tracks["album"],
        "is_only_named": True,
    }).assign(**dict.fromkeys(UNTOLD_OF_TRACKS))  # fmt: skip


def dim_recordings(streams: pd.DataFrame) -> pd.DataFrame:
    tracks = track_recordings(streams)
    return pd.DataFrame({
        "recording_id": tracks["recording_id"],
        "title": tracks["track_name"],
        "main_artist_name": tracks["artist"],
        "track_count": 1,
        "track_ids": tracks["track_id"].map(lambda track_id: [track_id]),
        "grouped_by": tracks["grouped_by"].map(lambda rule: [rule]),
    }).assign(**dict.fromkeys(UNTOLD_OF_RECORDINGS))  # fmt: skip
