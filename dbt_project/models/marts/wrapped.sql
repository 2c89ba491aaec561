{{ config(materialized='view') }}

{% set kinds = "period_kind in ('month', 'year')" -%}

with newcomers as (
    {% for kind in ['month', 'year'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'first_local_date') }} as period_start,
        count(*)::integer as new_artists
    from {{ by_artist(measured_tracks()) }} as by_artist
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
    tops.tracks,
    tops.artists,
    tops.albums,
    tops.genres,
    tops.top_track,
    tops.top_track_artist,
    tops.top_artist,
    tops.top_album,
    tops.top_genre,
    tops.top_tracks,
    tops.top_artists,
    tops.top_albums,
    tops.top_genres,
    tops.first_track,
    tops.first_track_at,
    tops.new_tracks,
    tops.share_of_new_tracks,
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
    tops.repeat_rate,
    tops.diversity,
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
    ('newcomers', 'newcomers'), ('possessed', 'possessed'),
    ('compared', ref('period_comparisons')), ('covered', ref('period_coverage')),
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
    -- Each track of the period is looked up once, for all that is counted of them.
    with heard as materialized (
        select
            measured.user_id,
            measured.period_kind,
            measured.period_start,
            measured.track_key,
            measured.streams,
            measured.plays,
            measured.ms_listened,
            measured.first_played_at,
            measured.first_local_date,
            {{ known_of_a_track('tracks', 'measured') }}
        from {{ ref('track_periods') }} as measured
        left join {{ ref('dim_tracks') }} as tracks
            on measured.track_key = tracks.track_id
        where {{ in_totals('measured') }}
    ),

    best as (
        select
            max(track_name) filter (where place = 1) as top_track,
            max(main_artist_name) filter (where place = 1) as top_track_artist,
            {{ five({'track_id': 'track_id', 'title': 'track_name', 'artist': 'main_artist_name'}) }} as top_tracks
        from (
            select
                *,
                {{ place('track_key') }} as place
            from (
                select *
                from heard
                order by plays desc, ms_listened desc, track_key collate "C" asc
                limit 5
            ) as firsts
        ) as placed
    ),

    begins as (
        select
            track_name as first_track,
            first_played_at as first_track_at
        from heard
        order by first_played_at asc, track_key collate "C" asc
        limit 1
    ),

    artists as (
        select
            count(*)::integer as artists,
            max(artist_name) filter (where place = 1) as top_artist,
            {{ five({'artist_id': 'artist_id', 'name': 'artist_name'}) }} as top_artists
        from (
            select
                by_artist.plays,
                by_artist.ms_listened,
                by_artist.place,
                artists.artist_id,
                coalesce(artists.artist_name, nullif(split_part(by_artist.artist_key, chr(31), 2), '')) as artist_name
            from (
                select
                    *,
                    {{ place('artist_key') }} as place
                from {{ by_artist('heard') }} as by_artist
                where streams > 0
            ) as by_artist
            left join {{ ref('dim_artists') }} as artists
                on by_artist.artist_key = artists.artist_id and by_artist.place <= 5
        ) as placed
    ),

    albums as (
        select
            count(*)::integer as albums,
            max(album_name) filter (where place = 1) as top_album,
            {{ five({'album_id': 'album_id', 'title': 'album_name', 'artist': 'main_artist_name'}) }} as top_albums
        from (
            select
                by_album.plays,
                by_album.ms_listened,
                by_album.place,
                albums.album_id,
                coalesce(albums.album_name, nullif(split_part(by_album.album_key, chr(31), 3), '')) as album_name,
                coalesce(
                    albums.artist_names[1], nullif(split_part(by_album.album_key, chr(31), 2), '')
                ) as main_artist_name
            from (
                select
                    *,
                    {{ place('album_key') }} as place
                from {{ by_album('heard') }} as by_album
                where streams > 0
            ) as by_album
            left join {{ ref('dim_albums') }} as albums
                on by_album.album_key = albums.album_id and by_album.place <= 5
        ) as placed
    ),

    genres as (
        select
            count(*)::integer as genres,
            max(genre) filter (where place = 1) as top_genre,
            {{ five({'genre': 'genre'}) }} as top_genres
        from (
            select
                *,
                {{ place('genre') }} as place
            from {{ by_genre('heard') }} as by_genre
            where genre <> 'unknown'
        ) as placed
    ),

    discovered as (
        select track_key
        from {{ ref('track_periods') }} as ever
        where
            ever.user_id = totals.user_id
            and ever.period_kind = 'all_time'
            and ever.first_local_date >= totals.period_start
            and ever.first_local_date < {{ next_start('totals.period_kind', 'totals.period_start') }}
    ),

    variety as (
        select {{ variety('heard', 'heard.track_key in (select discovered.track_key from discovered)') }}
        from heard
    )

    select
        best.*,
        begins.*,
        artists.*,
        albums.*,
        genres.*,
        variety.tracks,
        variety.new_tracks,
        variety.share_of_new_tracks,
        variety.repeat_rate,
        variety.diversity
    from variety
    cross join best
    left join begins on true
    cross join artists
    cross join albums
    cross join genres
) as tops on true
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
