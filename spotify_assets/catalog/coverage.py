"""How much of what was played is described: by plays and by listening time, and how much of it has genres."""

from dataclasses import dataclass

from spotify_assets.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Coverage:
    """Plays and milliseconds that were counted, of tracks that have an id; and how many of them are of what kind."""

    plays: int = 0
    ms: int = 0
    described_plays: int = 0
    """Spotify has given the track."""
    described_ms: int = 0
    full_ms: int = 0
    """And, whole, everybody who is credited on it."""
    genre_plays: int = 0
    """Whoever is credited first has a genre."""
    genre_ms: int = 0

    def said(self) -> str:
        """The shares, for a person."""
        if not self.plays:
            return "Nothing has been played yet, or nothing has been built."
        return (
            f"Described are {_share(self.described_plays, self.plays)} of the plays and "
            f"{_share(self.described_ms, self.ms)} of the listening time, with everybody on them "
            f"{_share(self.full_ms, self.ms)}; genres have {_share(self.genre_plays, self.plays)} of the plays."
        )


def coverage(warehouse: Warehouse) -> Coverage:
    """Looks at the stored rows; all zero before the first build. What only polls saw is as long as its track."""
    with warehouse.connect() as connection:
        if connection.execute("select to_regclass('marts.track_periods') is null").fetchone() == (True,):
            return Coverage()
        row = connection.execute(
            """
            with heard as (
                select track_key as track_id, sum(plays) as plays, sum(ms_listened) as ms
                from marts.track_periods
                where period_kind = 'all_time' and track_key ~ '^[0-9A-Za-z]{22}$'
                group by track_key
            ),
            with_genres as materialized (
                select distinct artist_id from raw.artist_genres
            ),
            looked_at as (
                select
                    heard.plays,
                    heard.ms,
                    tracks.track_id is not null as is_described,
                    tracks.track_id is not null and not exists (
                        select
                        from raw.track_artists as credits
                        left join ops.catalog_fetches as given on given.kind = 'artist' and given.id = credits.artist_id
                        where credits.track_id = heard.track_id and given.id is null
                    ) as is_full,
                    exists (
                        select
                        from raw.track_artists as credits
                        inner join with_genres using (artist_id)
                        where credits.track_id = heard.track_id and credits.position = 1
                    ) as has_genre
                from heard
                left join raw.tracks as tracks using (track_id)
            )
            select
                coalesce(sum(plays), 0)::bigint,
                coalesce(sum(ms), 0)::bigint,
                coalesce(sum(plays) filter (where is_described), 0)::bigint,
                coalesce(sum(ms) filter (where is_described), 0)::bigint,
                coalesce(sum(ms) filter (where is_full), 0)::bigint,
                coalesce(sum(plays) filter (where has_genre), 0)::bigint,
                coalesce(sum(ms) filter (where has_genre), 0)::bigint
            from looked_at
            """
        ).fetchone()
    return Coverage(*row) if row else Coverage()


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "100 %"
