"""Ranks: top_tracks, top_artists, top_albums, top_recordings, top_genres."""

from collections.abc import Sequence
from fractions import Fraction

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.genres import UNITS, rounded
from spotify_assets_tests.modelling.in_pandas.listening import DATES, summed, tracks_of
from spotify_assets_tests.modelling.in_pandas.names import Names
from spotify_assets_tests.modelling.in_pandas.periods import PERIOD, beside, in_periods, moved, parts

UNKNOWN = "unknown"


def ranked(tops: pd.DataFrame, key: str) -> pd.DataFrame:
    """With ranks, shares, and the period before."""
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


def _summed(rows: pd.DataFrame, key: str, kinds: Sequence[str]) -> pd.DataFrame:
    return summed(in_periods(rows, kinds), [*PERIOD, key], tracks=("track_key", "nunique"), **DATES)


def top_tracks(streams: pd.DataFrame, names: Names, kinds: Sequence[str]) -> pd.DataFrame:
    tops = ranked(_summed(tracks_of(streams), "track_key", kinds), "track_key")
    return tops.drop(columns="tracks").join(names.tracks, on="track_key")


def top_artists(streams: pd.DataFrame, names: Names, kinds: Sequence[str]) -> pd.DataFrame:
    rows = names.by_artist(tracks_of(streams))
    return ranked(_summed(rows, "artist_key", kinds), "artist_key").join(names.artists, on="artist_key")


def top_albums(streams: pd.DataFrame, names: Names, kinds: Sequence[str]) -> pd.DataFrame:
    rows = names.by_album(tracks_of(streams))
    return ranked(_summed(rows, "album_key", kinds), "album_key").join(names.albums, on="album_key")


def top_recordings(
    streams: pd.DataFrame, names: Names, kinds: Sequence[str], recordings: pd.DataFrame, described: pd.DataFrame
) -> pd.DataFrame:
    """Tracks without an id are no recording, and stand alone."""
    rows = tracks_of(streams)
    ids = dict(zip(recordings["track_id"], recordings["recording_id"], strict=True))
    rows = rows.assign(key=rows["track_key"].map(ids).fillna(rows["track_key"]))
    tops = ranked(_summed(rows, "key", kinds), "key")
    by_id = described.set_index("recording_id")
    is_one = tops["key"].isin(by_id.index)
    for column, of_track, of_recording in (
        ("title", "track_name", "title"),
        ("main_artist_name", "main_artist_name", "main_artist_name"),
    ):
        named = tops["key"].map(names.tracks[of_track])
        tops[column] = tops["key"].map(by_id[of_recording]).where(is_one, named)
    return tops.assign(recording_id=tops["key"].where(is_one, None))


def top_genres(streams: pd.DataFrame, names: Names, kinds: Sequence[str], artist_genres: pd.DataFrame) -> pd.DataFrame:
    """Plays have two decimals, the time none: each is rounded when all parts of it are summed."""
    tracks = tracks_of(streams)[["user_id", "local_date", "track_key", "plays", "ms_listened"]]
    rows = in_periods(tracks, kinds).groupby([*PERIOD, "track_key"])[["plays", "ms_listened"]].sum().reset_index()
    shares = names.firsts.merge(artist_genres, left_on="main_artist_id", right_on="artist_id", how="left")
    shares = shares.assign(genre=shares["genre"].fillna(UNKNOWN), weight=shares["weight"].fillna(UNITS).astype("int64"))
    rows = rows.merge(shares, on="track_key")
    rows = rows.assign(plays=rows["plays"] * rows["weight"], ms_listened=rows["ms_listened"] * rows["weight"])
    groups = rows.groupby([*PERIOD, "genre"])
    tops = groups[["plays", "ms_listened"]].sum().join(groups["first"].nunique().rename("artists")).reset_index()
    return ranked(tops.assign(plays=_rounded(tops["plays"], 100), ms_listened=_rounded(tops["ms_listened"])), "genre")


def _rounded(units: pd.Series, of: int = 1) -> pd.Series:
    return units.map(lambda each: rounded(Fraction(int(each) * of, UNITS))).astype("Int64")
