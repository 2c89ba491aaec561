"""What is known of music, as marts show it: dim_tracks, dim_artists, dim_albums."""

from collections.abc import Iterable, Mapping

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.catalogue import Catalogue, artists_of


def dim_artists(known: Catalogue, artist_genres: pd.DataFrame) -> pd.DataFrame:
    order = artist_genres.sort_values(["artist_id", "weight", "genre"], ascending=[True, False, True])
    genres = {artist: list(rows["genre"]) for artist, rows in order.groupby("artist_id")}
    sources = dict(zip(order["artist_id"], order["source"], strict=True))
    return _frame(
        {
            "artist_id": artist_id,
            "artist_name": artist.get("name"),
            "content_uri": f"spotify:artist:{artist_id}",
            "image_url": artist.get("image_url"),
            "popularity": artist.get("popularity"),
            "followers": artist.get("followers"),
            "genres": genres.get(artist_id),
            "genres_source": sources.get(artist_id),
        }
        for artist_id, artist in known.artists.items()
    )


def dim_albums(known: Catalogue) -> pd.DataFrame:
    names = ("album_type", "release_date", "release_date_precision", "total_tracks", "label", "upc", "image_url")
    return _frame(
        {
            "album_id": album_id,
            "album_name": album.get("name"),
            "artist_ids": artists_of(album) or None,
            "artist_names": [known.artist_name(each) for each in artists_of(album)] or None,
            "release_year": _year(album),
            **{name: album.get(name) for name in names},
        }
        for album_id, album in known.albums.items()
    )


def dim_tracks(known: Catalogue) -> pd.DataFrame:
    return _frame(_dim_track(known, track_id) for track_id in [*known.tracks, *(known.named.keys() - known.tracks)])


def _dim_track(known: Catalogue, track_id: str) -> dict[str, object]:
    track, named, credited = known.tracks.get(track_id, {}), known.named.get(track_id, {}), known.credits(track_id)
    album = known.albums.get(str(track.get("album_id")), {})
    return {
        "track_id": track_id,
        "content_uri": track_id if track_id.startswith("spotify:") else f"spotify:track:{track_id}",
        "track_name": known.track_name(track_id),
        "main_artist_id": credited[0] if credited else None,
        "main_artist_name": known.artist_name(credited[0]) if credited else known.album_artist(track_id),
        "artist_ids": credited or None,
        "artist_names": [known.artist_name(each) for each in credited] or None,
        "album_name": album.get("name") or named.get("album"),
        **{name: album.get(name) for name in ("album_type", "release_date", "release_date_precision")},
        "release_year": _year(album),
        "is_explicit": track.get("explicit"),
        **{
            name: track.get(name)
            for name in ("album_id", "duration_ms", "isrc", "is_local", "disc_number", "track_number", "popularity")
        },
        "is_only_named": track_id not in known.tracks,
    }


def _year(album: Mapping[str, object]) -> int | None:
    date = album.get("release_date")
    return int(date[:4]) if isinstance(date, str) else None


def _frame(rows: Iterable[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), dtype=object)
