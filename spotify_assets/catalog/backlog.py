"""What is wanted of Spotify and of MusicBrainz, the most played first, by what is stored and by what was asked before.

Needs the warehouse only. Times are UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg

from spotify_assets.catalog.objects import Kind

UNKNOWN_FOR = timedelta(days=30)
"""An id that Spotify did not know, or an artist that MusicBrainz did not, is asked for again after so long."""
REFRESH_AFTER = timedelta(days=30)
GENRES_KEPT = timedelta(days=90)
GENRE_LIST_KEPT = timedelta(days=7)

# Of plays that were never built nothing is counted yet: then names decide.
_PLAYED: LiteralString = """
    with played as (
        select track_key as track_id, sum(plays) as plays
        from {periods}
        where period_kind = 'all_time'
        group by track_key
    )
"""
_NOT_BUILT: LiteralString = "(select ''::text as track_key, 0 as plays, ''::text as period_kind) as nothing"

_MISSING: dict[Kind, LiteralString] = {
    "track": """
        select backlog.id
        from ops.enrichment_backlog as backlog
        left join played on played.track_id = backlog.id
        where backlog.kind = 'track' and not exists (
            select
            from ops.catalog_fetches as asked
            where asked.kind = 'track' and asked.id = backlog.id and asked.fetched_at > %(unknown_since)s
        ) and backlog.id <> all(%(skipped)s)
        order by played.plays desc nulls last, backlog.id
        limit %(most)s
    """,
    "artist": """
        select backlog.id
        from ops.enrichment_backlog as backlog
        left join raw.track_artists as credits on credits.artist_id = backlog.id
        left join played using (track_id)
        where backlog.kind = 'artist' and backlog.id <> all(%(skipped)s)
        group by backlog.id
        order by sum(played.plays) desc nulls last, backlog.id
        limit %(most)s
    """,
    "album": """
        select backlog.id
        from ops.enrichment_backlog as backlog
        left join raw.tracks as tracks on tracks.album_id = backlog.id
        left join played using (track_id)
        where backlog.kind = 'album' and backlog.id <> all(%(skipped)s)
        group by backlog.id
        order by sum(played.plays) desc nulls last, backlog.id
        limit %(most)s
    """,
}

# A polled track was described by the poll: it is stale when nobody has shown it for a month.
_STALE_TRACKS: LiteralString = """
    select tracks.track_id
    from raw.tracks as tracks
    left join ops.catalog_fetches as asked on asked.kind = 'track' and asked.id = tracks.track_id
    cross join lateral (
        select max(seen.last_fetched_at) as at
        from ops.version_sightings as seen
        where seen.kind = 'track' and seen.id = tracks.track_id
    ) as shown
    where greatest(asked.fetched_at, shown.at) < %(stale_before)s and tracks.track_id not like 'spotify:%%'
        and tracks.track_id <> all(%(skipped)s)
    order by greatest(asked.fetched_at, shown.at), tracks.track_id
    limit %(most)s
"""
_STALE: LiteralString = """
    select id
    from ops.catalog_fetches
    where kind = %(kind)s and fetched_at < %(stale_before)s and id <> all(%(skipped)s)
    order by fetched_at, id
    limit %(most)s
"""


def wanted(
    connection: psycopg.Connection, kinds: Sequence[Kind], now: datetime, most: int, skipped: Collection[str] = ()
) -> tuple[Kind, list[str]] | None:
    """What of these kinds is to be asked for next, at most so many ids; None where nothing is.

    Albums wait until no track and no artist is missing, for in Development Mode each costs a call and tells little.
    What is stale waits until nothing at all is missing. Both wait for kinds too that somebody else asks for. Ids that
    are `skipped` are as if they were not there.
    """
    waiting = counts(connection, now, skipped)
    for kind in kinds:
        if waiting.get(kind) and (kind != "album" or waiting.keys() == {"album"}):
            return kind, missing(connection, kind, now, most, skipped)
    if waiting:
        return None
    old = ((kind, stale(connection, kind, now, most, skipped)) for kind in kinds)
    return next(((kind, ids) for kind, ids in old if ids), None)


def missing(
    connection: psycopg.Connection, kind: Kind, now: datetime, most: int, skipped: Collection[str] = ()
) -> list[str]:
    """Ids of which Spotify has not given the whole, the most played first, at most so many."""
    return _ids(connection, f"{_played(connection)} {_MISSING[kind]}", kind, now, most, skipped)


def stale(
    connection: psycopg.Connection, kind: Kind, now: datetime, most: int, skipped: Collection[str] = ()
) -> list[str]:
    """Ids that Spotify described more than a month ago, the oldest first, at most so many."""
    return _ids(connection, _STALE_TRACKS if kind == "track" else _STALE, kind, now, most, skipped)


def counts(connection: psycopg.Connection, now: datetime, skipped: Collection[str] = ()) -> dict[str, int]:
    """How many tracks, artists and albums wait for Spotify, without those that it lately said it doesn't know."""
    rows = connection.execute(
        """
        select backlog.kind, count(*)
        from ops.enrichment_backlog as backlog
        where not exists (
            select
            from ops.catalog_fetches as asked
            where asked.kind = backlog.kind and asked.id = backlog.id and asked.fetched_at > %s
        ) and backlog.id <> all(%s)
        group by backlog.kind
        """,
        (now - UNKNOWN_FOR, list(skipped)),
    ).fetchall()
    return {str(kind): int(count) for kind, count in rows}


@dataclass(frozen=True)
class GenresWanted:
    """What MusicBrainz is to be asked next: whether for its list; and for whose addresses, else which tags or ISRCs."""

    genre_list: bool
    artists: Sequence[str] = ()
    mbids: Sequence[str] = ()
    isrcs: Mapping[str, str] = field(default_factory=dict)
    """One ISRC by Spotify's id of the artist."""

    def __bool__(self) -> bool:
        return self.genre_list or bool(self.artists or self.mbids or self.isrcs)


def genres_wanted(connection: psycopg.Connection, now: datetime, most: int) -> GenresWanted:
    """The most played first, at most so many. ISRCs only for artists whose address was looked up in vain."""
    times = {
        "most": most,
        "asked_since": now - UNKNOWN_FOR,
        "kept_since": now - GENRES_KEPT,
        "list_since": now - GENRE_LIST_KEPT,
    }
    played = _played(connection)
    [(genre_list,)] = connection.execute(_LIST_WANTED, times).fetchall()
    # Each of these takes a look at all that is stored, and only the first that finds something is used.
    if artists := connection.execute((played + _ADDRESSES_WANTED).encode(), times).fetchall():
        return GenresWanted(genre_list, artists=[artist_id for (artist_id,) in artists])
    if mbids := connection.execute((played + _TAGS_WANTED).encode(), times).fetchall():
        return GenresWanted(genre_list, mbids=[mbid for (mbid,) in mbids])
    isrcs = connection.execute((played + _ISRCS_WANTED).encode(), times).fetchall()
    return GenresWanted(genre_list, isrcs=dict(isrcs))


_LIST_WANTED: LiteralString = """
    select exists (select from raw.artists) and not exists (
        select from ops.genre_answers where kind = 'genres' and fetched_at > %(list_since)s
    )
"""

_ADDRESSES_WANTED: LiteralString = """
    select artists.artist_id
    from raw.artists as artists
    left join raw.track_artists as credits on credits.artist_id = artists.artist_id
    left join played using (track_id)
    where not exists (
        select
        from ops.genre_lookups as asked
        where asked.kind = 'address' and asked.id = artists.artist_id
            and asked.asked_at > case when asked.was_found then %(kept_since)s else %(asked_since)s end
    )
    group by artists.artist_id
    order by sum(played.plays) desc nulls last, artists.artist_id
    limit %(most)s
"""

_TAGS_WANTED: LiteralString = """
    select linked.mbid
    from raw.artist_mbids as linked
    left join raw.track_artists as credits using (artist_id)
    left join played using (track_id)
    where not exists (
        select
        from ops.genre_lookups as asked
        where asked.kind = 'tags' and asked.id = linked.mbid
            and asked.asked_at > case when asked.was_found then %(kept_since)s else %(asked_since)s end
    )
    group by linked.mbid
    order by sum(played.plays) desc nulls last, linked.mbid
    limit %(most)s
"""

# Of each artist the ISRC of the most played track on which nobody is credited before them.
_ISRCS_WANTED: LiteralString = """
    , candidates as (
        select distinct on (credits.artist_id)
            credits.artist_id,
            upper(replace(tracks.isrc, '-', '')) as isrc,
            played.plays
        from raw.track_artists as credits
        inner join raw.tracks as tracks using (track_id)
        left join played using (track_id)
        where credits.position = 1
            and upper(replace(tracks.isrc, '-', '')) ~ '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$'
            and exists (
                select
                from ops.genre_lookups as asked
                where asked.kind = 'address' and asked.id = credits.artist_id and not asked.was_found
            )
            and not exists (
                select
                from ops.genre_lookups as asked
                where asked.kind = 'isrc' and asked.id = credits.artist_id
                    and asked.asked_at > case when asked.was_found then %(kept_since)s else %(asked_since)s end
            )
        order by credits.artist_id, played.plays desc nulls last, tracks.track_id
    )
    select artist_id, isrc
    from candidates
    order by plays desc nulls last, artist_id
    limit %(most)s
"""


def _played(connection: psycopg.Connection) -> str:
    built = connection.execute("select to_regclass('marts.track_periods') is not null").fetchone() == (True,)
    return _PLAYED.format(periods="marts.track_periods" if built else _NOT_BUILT)


def _ids(
    connection: psycopg.Connection, query: str, kind: Kind, now: datetime, most: int, skipped: Collection[str]
) -> list[str]:
    values = {
        "kind": kind,
        "most": most,
        "unknown_since": now - UNKNOWN_FOR,
        "stale_before": now - REFRESH_AFTER,
        "skipped": list(skipped),
    }
    return [str(id_) for (id_,) in connection.execute(query.encode(), values).fetchall()]
