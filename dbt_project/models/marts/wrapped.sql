{{ config(materialized='view') }}

{% set kinds = "period_kind in ('month', 'year')" -%}
{% set period = 'user_id, period_kind, period_start' -%}

with artists as (
    select
        {{ period }},
        count(*)::integer as artists,
        max(artist_name) filter (where place = 1) as top_artist,
        {{ five({'artist_id': 'artist_id', 'name': 'artist_name'}) }} as top_artists
    from (
        select
            by_artist.*,
            artists.artist_id,
            coalesce(artists.artist_name, nullif(split_part(by_artist.artist_key, chr(31), 2), '')) as artist_name,
            {{ place('artist_key') }} as place
        from {{ by_artist() }} as by_artist
        left join {{ ref('dim_artists') }} as artists
            on by_artist.artist_key = artists.artist_id
        where {{ kinds }} and by_artist.streams > 0
    ) as placed
    group by {{ period }}
),

albums as (
    select
        {{ period }},
        count(*)::integer as albums,
        max(album_name) filter (where place = 1) as top_album,
        {{ five({'album_id': 'album_id', 'title': 'album_name', 'artist': 'main_artist_name'}) }} as top_albums
    from (
        select
            by_album.*,
            albums.album_id,
            coalesce(albums.album_name, nullif(split_part(by_album.album_key, chr(31), 3), '')) as album_name,
            coalesce(
                albums.artist_names[1], nullif(split_part(by_album.album_key, chr(31), 2), '')
            ) as main_artist_name,
            {{ place('album_key') }} as place
        from {{ by_album() }} as by_album
        left join {{ ref('dim_albums') }} as albums
            on by_album.album_key = albums.album_id
        where {{ kinds }} and by_album.streams > 0
    ) as placed
    group by {{ period }}
),

genres as (
    select
        {{ period }},
        count(*)::integer as genres,
        max(genre) filter (where place = 1) as top_genre,
        {{ five({'genre': 'genre'}) }} as top_genres
    from (
        select
            *,
            {{ place('genre') }} as place
        from {{ ref('top_genres') }}
        where {{ kinds }} and genre <> 'unknown'
    ) as placed
    group by {{ period }}
),

newcomers as (
    {% for kind in ['month', 'year'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'first_local_date') }} as period_start,
        count(*)::integer as new_artists
    from {{ by_artist() }} as by_artist
    where period_kind = 'all_time' and streams > 0
    group by user_id, {{ start_of(kind, 'first_local_date') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

begun as (
    {% for kind in ['month', 'year'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'started_on') }} as period_start,
        track_key,
        plays,
        row_number() over (
            partition by user_id, {{ start_of(kind, 'started_on') }}
            order by plays desc, started_on asc, track_key collate "C" asc
        ) as place
    from {{ ref('obsessions') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

possessed as (
    select
        begun.user_id,
        begun.period_kind,
        begun.period_start,
        coalesce(tracks.track_name, nullif(split_part(begun.track_key, chr(31), 3), '')) as obsession,
        {{ named_artist('tracks', 'begun') }} as obsession_artist,
        begun.plays as obsession_plays
    from begun
    left join {{ ref('dim_tracks') }} as tracks
        on begun.track_key = tracks.track_id
    where begun.place = 1
)

select
    totals.user_id,
    totals.period_kind,
    totals.period_start,
    round(totals.ms_listened / 60000.0)::integer as minutes,
    totals.ms_listened,
    totals.ms_estimated,
    totals.plays,
    totals.streams,
    totals.days,
    coalesce(variety.tracks, 0) as tracks,
    coalesce(artists.artists, 0) as artists,
    coalesce(albums.albums, 0) as albums,
    coalesce(genres.genres, 0) as genres,
    best.top_track,
    best.top_track_artist,
    artists.top_artist,
    albums.top_album,
    genres.top_genre,
    best.top_tracks,
    artists.top_artists,
    albums.top_albums,
    genres.top_genres,
    begins.first_track,
    begins.first_track_at,
    coalesce(variety.new_tracks, 0) as new_tracks,
    variety.share_of_new_tracks,
    coalesce(newcomers.new_artists, 0) as new_artists,
    possessed.obsession,
    possessed.obsession_artist,
    possessed.obsession_plays,
    days.busiest_day,
    days.busiest_day_ms,
    clock.busiest_weekday,
    clock.busiest_hour,
    coalesce(longest.longest_streak_days, 0) as longest_streak_days,
    coalesce(sat.sessions, 0) as sessions,
    sat.longest_session_ms,
    sat.longest_session_on,
    totals.completion_rate,
    totals.skip_rate,
    variety.repeat_rate,
    variety.diversity,
    totals.ms_incognito,
    totals.ms_spoken,
    places.top_platform,
    places.countries,
    compared.plays_before,
    compared.ms_before,
    compared.plays_year_before,
    compared.ms_year_before,
    covered.covered_share,
    coalesce(covered.is_complete, false) as is_complete,
    coalesce(covered.missing_at_least, 0) as missing_at_least
from {{ ref('listening_periods') }} as totals
{% for part, relation in [
    ('artists', 'artists'), ('albums', 'albums'), ('genres', 'genres'), ('newcomers', 'newcomers'), ('possessed', 'possessed'),
    ('variety', ref('track_variety')), ('compared', ref('period_comparisons')), ('covered', ref('period_coverage')),
] -%}
left join {{ relation }}{% if relation != part %} as {{ part }}{% endif %}
    on
        totals.user_id = {{ part }}.user_id
        and totals.period_kind = {{ part }}.period_kind
        and totals.period_start = {{ part }}.period_start
{% endfor -%}
-- What follows is looked up for each period alone: by the index, in its dates.
-- noqa: disable=ST05,RF03
left join lateral (
    with firsts as (
        select
            track_key,
            plays,
            ms_listened,
            {{ place('track_key') }} as place
        from {{ ref('track_periods') }} as measured
        where {{ in_totals('measured') }}
        order by place
        limit 5
    ),

    named as (
        select
            firsts.plays,
            firsts.ms_listened,
            firsts.place,
            {{ named_track('tracks', 'firsts') }}
        from firsts
        left join {{ ref('dim_tracks') }} as tracks
            on firsts.track_key = tracks.track_id
    )

    select
        max(track_name) filter (where place = 1) as top_track,
        max(main_artist_name) filter (where place = 1) as top_track_artist,
        {{ five({'track_id': 'track_id', 'title': 'track_name', 'artist': 'main_artist_name'}) }} as top_tracks
    from named
) as best on true
left join lateral (
    with earliest as (
        select
            track_key,
            first_played_at
        from {{ ref('track_periods') }} as measured
        where {{ in_totals('measured') }}
        order by first_played_at asc, track_key collate "C" asc
        limit 1
    ),

    named as (
        select
            earliest.first_played_at,
            {{ named_track('tracks', 'earliest') }}
        from earliest
        left join {{ ref('dim_tracks') }} as tracks
            on earliest.track_key = tracks.track_id
    )

    select
        track_name as first_track,
        first_played_at as first_track_at
    from named
) as begins on true
left join lateral (
    select
        (array_agg(local_date order by ms_listened desc, local_date asc))[1] as busiest_day,
        max(ms_listened) as busiest_day_ms
    from {{ ref('listening_days') }} as heard
    where {{ within_totals('heard') }}
) as days on true
left join lateral (
    with played as (
        select local_date - row_number() over (order by local_date)::integer as run
        from {{ ref('listening_days') }} as heard
        where {{ within_totals('heard') }} and plays > 0
    ),

    runs as (
        select count(*)::integer as days
        from played
        group by run
    )

    select max(days) as longest_streak_days
    from runs
) as longest on true
left join lateral (
    with hours as (
        select
            local_hour,
            extract(isodow from local_date)::integer as weekday,
            sum(ms_listened) as ms_listened
        from {{ ref('listening_hours') }} as heard
        where {{ within_totals('heard') }}
        group by grouping sets ((local_hour), (extract(isodow from local_date)::integer))
    )

    select
        (
            array_agg(local_hour order by ms_listened desc, local_hour asc) filter (where weekday is null)
        )[1] as busiest_hour,
        (
            array_agg(weekday order by ms_listened desc, weekday asc) filter (where local_hour is null)
        )[1] as busiest_weekday
    from hours
) as clock on true
left join lateral (
    with devices as (
        select
            platform,
            conn_country,
            sum(ms_listened) as ms_listened
        from {{ ref('listening_hours') }} as heard
        where {{ within_totals('heard') }}
        group by grouping sets ((platform), (conn_country))
    )

    select
        (
            array_agg(platform order by ms_listened desc, platform collate "C" asc) filter (where platform <> 'unknown')
        )[1] as top_platform,
        array_agg(conn_country order by ms_listened desc, conn_country collate "C" asc)
        filter (where conn_country <> 'unknown') as countries
    from devices
) as places on true
left join lateral (
    select
        count(*)::integer as sessions,
        max(length_ms) as longest_session_ms,
        (array_agg(local_date order by length_ms desc, local_date asc))[1] as longest_session_on
    from {{ ref('sessions') }} as heard
    where {{ within_totals('heard') }}
) as sat on true
where totals.{{ kinds }}
