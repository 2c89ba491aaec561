"""What a person sees who clicks `track_metadata` or `artist_metadata`, besides what the run did."""

from typing import Any

import dagster as dg

from spotify_assets.catalog import backlog
from spotify_assets.catalog.coverage import coverage
from spotify_assets.clock import Clock
from spotify_assets.markdown import markdown_table
from spotify_assets.storage.sharing import NOT_SHOWN, is_shared
from spotify_assets.storage.warehouse import Warehouse


def tracks_shown(warehouse: Warehouse, clock: Clock) -> dict[str, Any]:
    """How many tracks there are, what waits for Spotify, and the most played of what it has described."""
    with warehouse.connect() as connection:
        counts = backlog.counts(connection, clock.now())
        [(rows,)] = connection.execute("select count(*) from raw.tracks").fetchall()
    return {
        "dagster/row_count": rows,
        "tracks_waiting": counts.get("track", 0),
        "albums_waiting": counts.get("album", 0),
        "coverage": coverage(warehouse).said(),
        "most_played": dg.MetadataValue.md(_most_played(warehouse)),
    }


def artists_shown(warehouse: Warehouse, clock: Clock) -> dict[str, Any]:
    """How many artists there are, how many wait for Spotify, and which genres most of them have."""
    with warehouse.connect() as connection:
        counts = backlog.counts(connection, clock.now())
        [(rows,)] = connection.execute("select count(*) from raw.artists").fetchall()
        genres = connection.execute(
            """
            select genre, source, count(*)
            from raw.artist_genres
            group by genre, source
            order by count(*) desc, genre
            limit 10
            """
        ).fetchall()
    return {
        "dagster/row_count": rows,
        "artists_waiting": counts.get("artist", 0),
        "coverage": coverage(warehouse).said(),
        "most_frequent_genres": dg.MetadataValue.md(markdown_table(["genre", "source", "artists"], genres)),
    }


def _most_played(warehouse: Warehouse) -> str:
    """Ten tracks as Markdown, or why none: they tell what somebody played."""
    with warehouse.connect() as connection:
        if is_shared(connection):
            return NOT_SHOWN
        if connection.execute("select to_regclass('marts.track_periods') is null").fetchone() == (True,):
            return "Nothing has been built yet."
        rows = connection.execute(
            """
            select tracks.name, artists.name, albums.name, played.plays
            from marts.track_periods as played
            inner join raw.tracks as tracks on tracks.track_id = played.track_key
            left join raw.track_artists as credits on credits.track_id = tracks.track_id and credits.position = 1
            left join raw.artists as artists using (artist_id)
            left join raw.albums as albums on albums.album_id = tracks.album_id
            where played.period_kind = 'all_time'
            order by played.plays desc, tracks.track_id
            limit 10
            """
        ).fetchall()
    return markdown_table(["track", "artist", "album", "plays"], rows) if rows else "No play has been modelled yet."
