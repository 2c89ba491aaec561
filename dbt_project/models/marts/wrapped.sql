{{ config(materialized='view') }}

{% set kinds = "period_kind in ('month', 'year')" -%}
{% set period = 'user_id, period_kind, period_start' -%}

with tracks as (
    select
        {{ period }},
        max(track_name) filter (where place = 1) as top_track,
        max(main_artist_name) filter (where place = 1) as top_track_artist,
        {{ five({'track_id': 'track_id', 'title': 'track_name', 'artist': 'main_artist_name'}) }} as top_tracks,
        (array_agg(track_name order by first_played_at asc, track_key collate "C" asc))[1] as first_track,
        min(first_played_at) as first_track_at
    from (
        select
            *,
            {{ place('track_key') }} as place
        from {{ ref('top_tracks') }}
        where {{ kinds }}
    ) as placed
    group by {{ period }}
),

artists as (
    select
        {{ period }},
        count(*)::integer as artists,
        max(artist_name) filter (where place = 1) as top_artist,
        {{ five({'artist_id': 'artist_id', 'name': 'artist_name'}) }} as top_artists
    from (
        select
            *,
            {{ place('artist_key') }} as place
        from {{ ref('top_artists') }}
        where {{ kinds }}
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
            *,
            {{ place('album_key') }} as place
        from {{ ref('top_albums') }}
        where {{ kinds }}
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
        {{ start_of(kind, 'discovered_on') }} as period_start,
        count(*)::integer as new_artists
    from {{ ref('artist_discoveries') }}
    group by user_id, {{ start_of(kind, 'discovered_on') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

days as (
    {% for kind in ['month', 'year'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'local_date') }} as period_start,
        local_date,
        sum(plays) as plays,
        sum(ms_listened) as ms_listened
    from {{ ref('listening_hours') }}
    group by user_id, local_date
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

busiest as (
    select
        {{ period }},
        (array_agg(local_date order by ms_listened desc, local_date asc))[1] as busiest_day,
        max(ms_listened)::bigint as busiest_day_ms
    from days
    group by {{ period }}
),

runs as (
    select
        {{ period }},
        count(*)::integer as days
    from (
        select
            {{ period }},
            local_date - row_number() over (partition by {{ period }} order by local_date)::integer as run
        from days
        where plays > 0
    ) as in_a_row
    group by {{ period }}, run
),

longest as (
    select
        {{ period }},
        max(days) as longest_streak_days
    from runs
    group by {{ period }}
),

hours as (
    select
        {{ period }},
        (array_agg(local_hour order by ms_listened desc, local_hour asc))[1] as busiest_hour
    from (
        select
            {{ period }},
            local_hour,
            sum(ms_listened) as ms_listened
        from {{ ref('listening_clock') }}
        where {{ kinds }}
        group by {{ period }}, local_hour
    ) as summed
    group by {{ period }}
),

weekdays as (
    select
        {{ period }},
        (array_agg(weekday order by ms_listened desc, weekday asc))[1] as busiest_weekday
    from (
        select
            {{ period }},
            weekday,
            sum(ms_listened) as ms_listened
        from {{ ref('listening_clock') }}
        where {{ kinds }}
        group by {{ period }}, weekday
    ) as summed
    group by {{ period }}
),

platforms as (
    select
        {{ period }},
        (array_agg(platform order by ms_listened desc, platform collate "C" asc))[1] as top_platform
    from {{ ref('listening_platforms') }}
    where {{ kinds }} and platform <> 'unknown'
    group by {{ period }}
),

countries as (
    select
        {{ period }},
        array_agg(conn_country order by ms_listened desc, conn_country collate "C" asc) as countries
    from {{ ref('listening_countries') }}
    where {{ kinds }} and conn_country <> 'unknown'
    group by {{ period }}
),

sat as (
    {% for kind in ['month', 'year'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'local_date') }} as period_start,
        count(*)::integer as sessions,
        max(length_ms) as longest_session_ms,
        (array_agg(local_date order by length_ms desc, local_date asc))[1] as longest_session_on
    from {{ ref('sessions') }}
    group by user_id, {{ start_of(kind, 'local_date') }}
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
    tracks.top_track,
    tracks.top_track_artist,
    artists.top_artist,
    albums.top_album,
    genres.top_genre,
    tracks.top_tracks,
    artists.top_artists,
    albums.top_albums,
    genres.top_genres,
    tracks.first_track,
    tracks.first_track_at,
    coalesce(variety.new_tracks, 0) as new_tracks,
    variety.share_of_new_tracks,
    coalesce(newcomers.new_artists, 0) as new_artists,
    possessed.obsession,
    possessed.obsession_artist,
    possessed.obsession_plays,
    busiest.busiest_day,
    busiest.busiest_day_ms,
    weekdays.busiest_weekday,
    hours.busiest_hour,
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
    platforms.top_platform,
    countries.countries,
    compared.plays_before,
    compared.ms_before,
    compared.plays_year_before,
    compared.ms_year_before,
    covered.covered_share,
    coalesce(covered.is_complete, false) as is_complete,
    coalesce(covered.missing_at_least, 0) as missing_at_least
from {{ ref('listening_periods') }} as totals
{% for part, relation in [
    ('tracks', 'tracks'), ('artists', 'artists'), ('albums', 'albums'), ('genres', 'genres'), ('newcomers', 'newcomers'),
    ('busiest', 'busiest'), ('longest', 'longest'), ('hours', 'hours'), ('weekdays', 'weekdays'),
    ('platforms', 'platforms'), ('countries', 'countries'), ('sat', 'sat'), ('possessed', 'possessed'),
    ('variety', ref('track_variety')), ('compared', ref('period_comparisons')), ('covered', ref('period_coverage')),
] -%}
left join {{ relation }}{% if relation != part %} as {{ part }}{% endif %}
    on
        totals.user_id = {{ part }}.user_id
        and totals.period_kind = {{ part }}.period_kind
        and totals.period_start = {{ part }}.period_start
{% endfor -%}
where totals.{{ kinds }}
