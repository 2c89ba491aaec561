"""Genres of artists, Spotify's where it gives any, else MusicBrainz': artist_genres."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.catalogue import Catalogue, Known, artists_of, compared
from spotify_assets_tests.modelling.in_pandas.told import World

COLUMNS = ["artist_id", "genre", "source", "votes", "weight", "licence"]
# Weights have eight decimals.
UNITS = 10**8
# How many said so, by genre; Spotify tells of nobody.
Votes = dict[str, int | None]


def artist_genres(world: World, known: Catalogue) -> pd.DataFrame:
    return pd.DataFrame(_genres(world, known), columns=COLUMNS)


def _genres(world: World, known: Catalogue) -> Iterator[dict[str, object]]:
    # The newest answer that speaks of genres takes back what older ones said.
    own = {thing["id"]: thing["genres"] for kind, thing in world.things if kind == "artist" and "genres" in thing}
    for artist_id, artist in known.artists.items():
        is_own = bool(own.get(artist_id))
        votes: Votes = dict.fromkeys(own[artist_id]) if is_own else _votes(world, artist_id, artist, known.tracks)
        whole = sum(_weight(each) for each in votes.values())
        for genre, count in votes.items():
            yield {
                "artist_id": artist_id,
                "genre": genre,
                "source": "spotify" if is_own else "musicbrainz",
                "votes": count,
                "weight": rounded(Fraction(_weight(count), whole) * UNITS),
                "licence": "Spotify Developer Terms" if is_own else "CC BY-NC-SA 3.0",
            }


def _weight(votes: int | None) -> int:
    return 1 if votes is None else votes


def _votes(world: World, artist_id: str, artist: Mapping[str, object], tracks: Known) -> Votes:
    """The genres among the tags of who has the artist's address, else of the one of that name behind an ISRC."""
    told = world.musicbrainz
    mbids = set(told.addresses.get(artist_id, []))
    if len(mbids) != 1:
        isrcs = {str(track.get("isrc")) for track in tracks.values() if artist_id in artists_of(track)}
        mbids = {
            mbid
            for isrc in isrcs
            for mbid, name in told.isrcs.get(isrc, {}).items()
            if compared(name) == compared(artist.get("name"))
        }
    tags = told.tags.get(mbids.pop(), {}) if len(mbids) == 1 else {}
    return {tag: votes for tag, votes in tags.items() if votes > 0 and tag in told.genres}


def rounded(value: Fraction) -> int:
    """To the nearest, halves away from zero."""
    return int(value + Fraction(1, 2)) if value >= 0 else -int(-value + Fraction(1, 2))
