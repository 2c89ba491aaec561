"""What an incremental build is about, found once when it begins and kept in the small tables `ops.scope_*`.

The models join them to indexes, so that the work grows with what is new and not with what is stored. Rows stay until a
build finishes: one that was cut off half-way is made good by the next, which is about the same and more.

Plays are replaced in windows of time. A window begins and ends where no play of the API can match a stream of an
export on the other side, so that the matching inside is the one that all rows together would give.
"""

from typing import LiteralString

import psycopg

REACH_SECONDS = 62
"""Farthest that a play and a stream which match lie apart: 60 s, and in account data the minute and 2 s more."""

_TABLES = (
    "scope_windows",
    "scope_local_days",
    "scope_periods",
    "scope_listener_tracks",
    "scope_tracks",
    "scope_artists",
    "scope_sessions",
    "scope_albums",
    "scope_charts",
)


def fill(connection: psycopg.Connection, from_version: int, to_version: int) -> None:
    """Adds what the versions of `raw` in (from_version, to_version] changed. The caller commits.

    Needs the relations of the models, and cost grows with what changed.
    """
    versions = {"after": from_version, "last": to_version, "reach": f"{REACH_SECONDS} seconds"}
    for statement in _STATEMENTS:
        connection.execute(statement, versions)
    for table in _TABLES:
        # They are so small, and change so much, that what Postgres last noted of them misleads it.
        connection.execute(f"analyze ops.{table}".encode())


def empty(connection: psycopg.Connection) -> None:
    """Forgets it all: a build has finished. The caller commits."""
    for table in _TABLES:
        connection.execute(f"delete from ops.{table}".encode())


# Who is, or was, credited on a track is found at MusicBrainz by its ISRC, and has genres by that.
_ARTISTS: LiteralString = """
    with changed as (
        select distinct kind, id
        from ops.changed_ids
        where version > %(after)s and version <= %(last)s
    ),
    artists as (
        select id as artist_id
        from changed
        where kind = 'artist'
        union all
        select credits.artist_id
        from changed
        inner join raw.track_artists as credits on credits.track_id = changed.id
        where changed.kind = 'track'
        union all
        select credited.artist_id
        from changed
        inner join raw.track_versions as versions on versions.track_id = changed.id
        cross join lateral unnest(versions.artist_ids) as credited (artist_id)
        where changed.kind = 'track'
    )
    insert into ops.scope_artists (artist_id)
    select distinct artist_id
    from artists
    on conflict do nothing
"""

_ALBUMS: LiteralString = """
    insert into ops.scope_albums (album_id)
    select id
    from ops.changed_ids
    where kind = 'album' and version > %(after)s and version <= %(last)s
    union
    select credits.album_id
    from ops.scope_artists as changed
    inner join raw.album_artists as credits using (artist_id)
    on conflict do nothing
"""

_TRACKS: LiteralString = """
    with changed as (
        select distinct kind, id
        from ops.changed_ids
        where version > %(after)s and version <= %(last)s
    ),
    tracks as (
        select id as track_id
        from changed
        where kind = 'track'
        union all
        select tracks.track_id
        from changed
        inner join raw.tracks as tracks on tracks.album_id = changed.id
        where changed.kind = 'album'
        union all
        select credits.track_id
        from changed
        inner join raw.track_artists as credits on credits.artist_id = changed.id
        where changed.kind = 'artist'
        union all
        -- The name of an album's artist is compared too.
        select tracks.track_id
        from changed
        inner join raw.album_artists as credits on credits.artist_id = changed.id
        inner join raw.tracks as tracks on tracks.album_id = credits.album_id
        where changed.kind = 'artist'
    )
    insert into ops.scope_tracks (track_id)
    select distinct track_id
    from tracks
    on conflict do nothing
"""

_CHARTS: LiteralString = """
    insert into ops.scope_charts (source, chart)
    select split_part(id, ' ', 1), substr(id, strpos(id, ' ') + 1)
    from ops.changed_ids
    where kind = 'chart' and version > %(after)s and version <= %(last)s
    on conflict do nothing
"""

_NOTE_TRACKS: LiteralString = "analyze ops.scope_tracks"

# Where something has changed, and where one that is now compared by something else has no partner of the same id: pairs
# of the same id come first in the order, and nothing that is learnt of a track can part them.
_SPANS: LiteralString = """
    create temporary table changed_spans on commit drop as
    with relearnt as materialized (
        select changed.track_id
        from ops.scope_tracks as changed
        left join lateral (
            select *
            from staging.stg_named_tracks as tracks
            where tracks.track_id = changed.track_id
            offset 0
        ) as now on true
        left join intermediate.int_track_facts as was on was.track_id = changed.track_id
        where (now.isrc, now.track_name, now.album_artist_name)
            is distinct from (was.isrc, was.track_name, was.album_artist_name)
    ),
    of_another_length as materialized (
        select changed.track_id
        from ops.scope_tracks as changed
        left join lateral (
            select duration_ms
            from staging.stg_tracks as tracks
            where tracks.track_id = changed.track_id
            offset 0
        ) as now on true
        left join intermediate.int_track_facts as was on was.track_id = changed.track_id
        where now.duration_ms is distinct from was.duration_ms
    ),
    -- Tracks that a rule about an artist fits now and did not fit before, or the other way round.
    ruled_anew as materialized (
        select changed.track_id
        from ops.scope_tracks as changed
        cross join (select distinct value from ops.exclusions where kind = 'artist') as rules
        left join intermediate.int_track_facts as was on was.track_id = changed.track_id
        where exists (
            select
            from raw.track_artists as credits
            where credits.track_id = changed.track_id and credits.artist_id = rules.value
        ) <> coalesce(rules.value = any(was.artist_ids), false)
    ),
    spans as (
        select user_id, starts_at, ends_at
        from ops.scope_windows
        union all
        select
            user_id,
            utc_date::timestamp at time zone 'UTC',
            (utc_date + 1)::timestamp at time zone 'UTC'
        from ops.changed_days
        where version > %(after)s and version <= %(last)s
        union all
        select told.user_id, told.played_at, told.played_at + interval '1 millisecond'
        from relearnt
        inner join intermediate.int_plays as told using (track_id)
        -- A look at the index for each, which the limit keeps from becoming a join of all with all.
        cross join lateral (
            select 1
            from intermediate.int_plays as other
            where other.user_id = told.user_id
                and other.played_at
                    between told.played_at - 2 * %(reach)s::interval and told.played_at + 2 * %(reach)s::interval
                and other.source <> 'both'
                and (other.source = 'api') <> (told.source = 'api')
            limit 1
        ) as near
        where told.source in ('api', 'export')
        union all
        -- What the API alone saw is as long as its track.
        select told.user_id, told.played_at, told.played_at + interval '1 millisecond'
        from of_another_length as changed
        cross join lateral (
            select user_id, played_at
            from intermediate.int_plays as plays
            where plays.track_id = changed.track_id and plays.ms_played is null
            offset 0
        ) as told
        union all
        -- int_plays has no index on the URIs of files of the listeners' own, and raw has.
        select told.user_id, told.played_at, told.played_at + interval '1 millisecond'
        from of_another_length as changed
        cross join lateral (
            select user_id, played_at
            from raw.plays as plays
            where plays.track_id = changed.track_id and changed.track_id like 'spotify:%%'
            offset 0
        ) as told
        union all
        select told.user_id, told.played_at, told.played_at + interval '1 millisecond'
        from ruled_anew as changed
        cross join lateral (
            select user_id, played_at
            from intermediate.int_plays as plays
            where plays.track_id = changed.track_id
            offset 0
        ) as told
        union all
        select matches.user_id, matches.played_at, matches.played_at + interval '1 millisecond'
        from relearnt
        inner join intermediate.int_matches as matches on matches.track_key = relearnt.track_id
        where matches.rung > 1
        union all
        select matches.user_id, matches.played_at, matches.played_at + interval '1 millisecond'
        from relearnt
        inner join intermediate.int_matches as matches on matches.content_key = 'spotify:track:' || relearnt.track_id
        where matches.rung > 1
    )
    select joined.user_id, lower(one.span) as starts_at, upper(one.span) as ends_at
    from (
        select user_id, range_agg(tstzrange(starts_at, ends_at)) as all_spans
        from spans
        group by user_id
    ) as joined
    cross join lateral unnest(joined.all_spans) as one (span)
"""

# From each edge, play by play, to where no play of the API is within reach: nothing matches across such a place.
_WINDOWS_NOW: LiteralString = """
    create temporary table windows_now on commit drop as
    with recursive back (user_id, starts_at, played_at) as (
        select
            spans.user_id,
            spans.starts_at,
            (
                select min(plays.played_at)
                from raw.plays as plays
                where plays.user_id = spans.user_id
                    and plays.played_at
                        between spans.starts_at - %(reach)s::interval and spans.starts_at + %(reach)s::interval
            )
        from changed_spans as spans
        union all
        select
            back.user_id,
            back.starts_at,
            (
                select max(plays.played_at)
                from raw.plays as plays
                where plays.user_id = back.user_id
                    and plays.played_at < back.played_at
                    and plays.played_at >= back.played_at - 2 * %(reach)s::interval
            )
        from back
        where back.played_at is not null
    ),
    on_and_on (user_id, ends_at, played_at) as (
        select
            spans.user_id,
            spans.ends_at,
            (
                select max(plays.played_at)
                from raw.plays as plays
                where plays.user_id = spans.user_id
                    and plays.played_at
                        between spans.ends_at - %(reach)s::interval and spans.ends_at + %(reach)s::interval
            )
        from changed_spans as spans
        union all
        select
            on_and_on.user_id,
            on_and_on.ends_at,
            (
                select min(plays.played_at)
                from raw.plays as plays
                where plays.user_id = on_and_on.user_id
                    and plays.played_at > on_and_on.played_at
                    and plays.played_at <= on_and_on.played_at + 2 * %(reach)s::interval
            )
        from on_and_on
        where on_and_on.played_at is not null
    ),
    firsts as (
        select user_id, starts_at, min(played_at) as played_at
        from back
        group by user_id, starts_at
    ),
    lasts as (
        select user_id, ends_at, max(played_at) as played_at
        from on_and_on
        group by user_id, ends_at
    ),
    cut as (
        select
            spans.user_id,
            least(spans.starts_at, firsts.played_at - %(reach)s::interval) as starts_at,
            greatest(spans.ends_at, lasts.played_at + %(reach)s::interval + interval '1 millisecond') as ends_at
        from changed_spans as spans
        inner join firsts using (user_id, starts_at)
        inner join lasts using (user_id, ends_at)
    )
    select joined.user_id, lower(one.span) as starts_at, upper(one.span) as ends_at
    from (
        select user_id, range_agg(tstzrange(starts_at, ends_at)) as all_spans
        from cut
        group by user_id
    ) as joined
    cross join lateral unnest(joined.all_spans) as one (span)
"""

_NO_WINDOWS: LiteralString = "delete from ops.scope_windows"

_WINDOWS: LiteralString = """
    insert into ops.scope_windows (user_id, starts_at, ends_at)
    select user_id, starts_at, ends_at
    from windows_now
"""

# Zones reach from UTC-12 to UTC+14: a play's local date is its UTC date or a neighbour of it.
_LOCAL_DAYS: LiteralString = """
    insert into ops.scope_local_days (user_id, local_date)
    select distinct windows.user_id, days.day::date
    from ops.scope_windows as windows
    cross join lateral generate_series(
        (windows.starts_at at time zone 'UTC')::date - 1,
        (windows.ends_at at time zone 'UTC')::date + 1,
        interval '1 day'
    ) as days (day)
    on conflict do nothing
"""

_PERIODS: LiteralString = """
    insert into ops.scope_periods (user_id, period_kind, period_start)
    select distinct days.user_id, periods.kind, periods.starts_on
    from ops.scope_local_days as days
    cross join lateral (
        values
            ('week', date_trunc('week', days.local_date::timestamp)::date),
            ('month', date_trunc('month', days.local_date::timestamp)::date),
            ('quarter', date_trunc('quarter', days.local_date::timestamp)::date),
            ('year', date_trunc('year', days.local_date::timestamp)::date),
            ('all_time', date '1970-01-01')
    ) as periods (kind, starts_on)
    on conflict do nothing
"""

_LISTENER_TRACKS: LiteralString = """
    insert into ops.scope_listener_tracks (user_id, track_key)
    select distinct plays.user_id, plays.track_key
    from ops.scope_windows as scope
    inner join intermediate.int_plays as plays
        on plays.user_id = scope.user_id
            and plays.played_at >= scope.starts_at
            and plays.played_at < scope.ends_at
    where plays.track_key is not null
    on conflict do nothing
"""

_STATEMENTS = (
    _ARTISTS,
    _ALBUMS,
    _CHARTS,
    _TRACKS,
    _NOTE_TRACKS,
    _SPANS,
    _WINDOWS_NOW,
    _NO_WINDOWS,
    _WINDOWS,
    _LOCAL_DAYS,
    _PERIODS,
    _LISTENER_TRACKS,
)
