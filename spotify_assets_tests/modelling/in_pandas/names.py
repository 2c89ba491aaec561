"""What tops call tracks, artists and albums: by an id where one is known, else by names."""

from dataclasses import dataclass

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.catalogue import Catalogue
from spotify_assets_tests.modelling.in_pandas.streams import BETWEEN

NAMED = "name" + BETWEEN


@dataclass(frozen=True)
class Names:
    """By key: track_id, track_name and main_artist_name of `tracks`; artist_id and artist_name of `artists`;
    album_id, album_name and main_artist_name of `albums`. `credits` has a row a track_key and artist_key,
    `collected` one a track_key and album_key, `firsts` one a track_key, with the id of the artist credited first, or
    the name where only that is known."""

    tracks: pd.DataFrame
    artists: pd.DataFrame
    albums: pd.DataFrame
    credits: pd.DataFrame
    collected: pd.DataFrame
    firsts: pd.DataFrame

    def by_artist(self, rows: pd.DataFrame) -> pd.DataFrame:
        """A row for every artist credited."""
        return rows.merge(self.credits, on="track_key")

    def by_album(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.merge(self.collected, on="track_key")


def names_of(keys: pd.Series, dim_tracks: pd.DataFrame, known: Catalogue) -> Names:
    """Of these track keys."""
    tracks = pd.DataFrame({"track_key": keys.unique()}).merge(
        dim_tracks, left_on="track_key", right_on="track_id", how="left"
    )
    is_named = tracks["track_key"].str.startswith(NAMED)
    told = tracks["track_key"].where(is_named, None).str.split(BETWEEN, expand=True).reindex(columns=[0, 1, 2])
    tracks["track_id"] = tracks["track_key"].where(~is_named, None)
    tracks["track_name"] = tracks["track_name"].where(~is_named, told[2])
    tracks["main_artist_name"] = tracks["main_artist_name"].where(~is_named, told[1])
    credits_of = tracks.assign(artist_key=pd.Series(_credits(tracks, known), index=tracks.index)).explode("artist_key")
    artists = pd.DataFrame({"artist_key": credits_of["artist_key"].dropna().unique()})
    albums = _albums(tracks, known)
    firsts = tracks["main_artist_id"].where(tracks["main_artist_id"].notna(), tracks["main_artist_name"])
    return Names(
        tracks.set_index("track_key")[["track_id", "track_name", "main_artist_name"]],
        artists.assign(
            artist_id=artists["artist_key"].where(artists["artist_key"].isin(known.artists), None),
            artist_name=artists["artist_key"].map(lambda key: known.artist_name(key) or key.removeprefix(NAMED)),
        ).set_index("artist_key"),
        albums.drop_duplicates("album_key").set_index("album_key")[["album_id", "album_name", "main_artist_name"]],
        credits_of.loc[credits_of["artist_key"].notna(), ["track_key", "artist_key"]],
        albums[["track_key", "album_key"]],
        tracks.assign(first=firsts)[["track_key", "first", "main_artist_id"]],
    )


def _credits(tracks: pd.DataFrame, known: Catalogue) -> list[list[str]]:
    """All artists credited; where only a name is known, who alone bears it, else the name."""
    bearers = {name: known.who_alone_bears(name) for name in tracks["main_artist_name"].dropna().unique()}
    return [
        ids if isinstance(ids, list) else [bearers[name] or NAMED + name] if isinstance(name, str) else []
        for ids, name in zip(tracks["artist_ids"], tracks["main_artist_name"], strict=True)
    ]


def _albums(tracks: pd.DataFrame, known: Catalogue) -> pd.DataFrame:
    """Account data names no album."""
    rows = tracks[tracks["album_name"].notna()]
    named = NAMED + rows["main_artist_name"].fillna("") + BETWEEN + rows["album_name"]
    album_id = rows["album_id"]
    first = album_id.map(lambda each: _first_artist(known, each))
    return rows.assign(
        album_key=album_id.where(album_id.notna(), named),
        main_artist_name=first.where(album_id.notna(), rows["main_artist_name"]),
    )


def _first_artist(known: Catalogue, album_id: object) -> object:
    ids = known.albums.get(str(album_id), {}).get("artist_ids")
    return known.artist_name(str(ids[0])) if isinstance(ids, list) and ids else None
