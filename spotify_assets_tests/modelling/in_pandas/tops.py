"""Ranks: top_tracks, top_artists, top_albums, top_recordings, top_genres, and the tracks that they name."""

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.listening import summed_with_dates, tracks_of
from spotify_assets_tests.modelling.in_pandas.periods import KINDS, PERIOD, beside, in_periods, moved, parts

# Between the parts of a key that is made of names.
BETWEEN = "\x1f"
NAMES = ["track_id", "track_name", "artist", "album", "recording_id"]
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
    tops = summed_with_dates(rows, [*PERIOD, key])
    tracks = rows.groupby([*PERIOD, key])["track_id"].nunique().rename("tracks")
    periods = tops.groupby(PERIOD)
    tops = tops.join(tracks, on=[*PERIOD, key]).assign(
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


def recordings(streams: pd.DataFrame) -> pd.DataFrame:
    """One row a track, by id. Without ISRC and length a recording is what title and artist name; without those, alone.

    What a recording's key is made of is not ours to say: it is the key that the first of its tracks has there.
    """
    tracks = named_tracks(streams).sort_values("track_id")
    title, artist = tracks["track_name"].map(_without_guests).map(_letters), tracks["artist"].map(_letters)
    named = (title != "") & (artist != "")
    name = (title + BETWEEN + artist).where(named, tracks["track_id"])
    return tracks.assign(
        recording_id=tracks.groupby(name)["recording_id"].transform("first"),
        grouped_by=named.map({True: "name", False: "alone"}),
    )


def _without_guests(title: str) -> str:
    return re.sub(r"[\[(]\s*(feat|ft|with)[. ][^\])]*[\])]|\s-\s(feat|ft)[. ].*$", "", title, flags=re.IGNORECASE)


def _letters(name: str) -> str:
    """Letters and digits, in lower case."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).lower() if c.isalnum())


def track_recordings(streams: pd.DataFrame) -> pd.DataFrame:
    return recordings(streams)


def top_recordings(streams: pd.DataFrame, kinds: Sequence[str] = tuple(KINDS)) -> pd.DataFrame:
    known = recordings(streams)
    rows = tracks_of(streams).drop(columns="recording_id").merge(known[["track_id", "recording_id"]], on="track_id")
    names = known.drop_duplicates("recording_id").set_index("recording_id")[["track_name", "artist"]]
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
    known = recordings(streams)
    ids = known.groupby("recording_id")["track_id"].agg(list)
    first = known.drop_duplicates("recording_id").set_index("recording_id")
    return pd.DataFrame({
        "title": first["track_name"],
        "main_artist_name": first["artist"],
        "track_count": ids.map(len),
        "track_ids": ids,
        "grouped_by": first["grouped_by"].map(lambda rule: [rule]),
    }).reset_index().assign(**dict.fromkeys(UNTOLD_OF_RECORDINGS))  # fmt: skip
