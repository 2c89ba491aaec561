{{ config(materialized='view') }}

with names as (
    -- Of a name that several artists bear nothing can be concluded.
    select
        artist_name,
        min(artist_id) as artist_id
    from {{ ref('dim_artists') }}
    group by artist_name
    having count(*) = 1
),

credited as (
    select
        measured.user_id,
        measured.period_kind,
        measured.period_start,
        coalesce(
            credits.artist_id,
            names.artist_id,
            'name' || chr(31)
            || coalesce(tracks.main_artist_name, nullif(split_part(measured.track_key, chr(31), 2), ''))
        ) as artist_key,
        measured.plays,
        measured.streams,
        measured.ms_played,
        measured.plays_of_unknown_length * tracks.duration_ms::bigint as ms_estimated,
        measured.first_played_at,
        measured.last_played_at
    from {{ measured_periods() }} as measured
    left join {{ ref('dim_tracks') }} as tracks
        on measured.track_key = tracks.track_id
    left join lateral unnest(tracks.artist_ids) as credits (artist_id) on true
    left join names
        on
            credits.artist_id is null
            and coalesce(tracks.main_artist_name, nullif(split_part(measured.track_key, chr(31), 2), ''))
            = names.artist_name
),

summed as (
    select
        user_id,
        period_kind,
        period_start,
        artist_key,
        sum(plays)::integer as plays,
        sum(streams)::integer as streams,
        (sum(ms_played) + coalesce(sum(ms_estimated), 0))::bigint as ms_listened,
        coalesce(sum(ms_estimated), 0)::bigint as ms_estimated,
        min(first_played_at) as first_played_at,
        max(last_played_at) as last_played_at
    from credited
    where artist_key is not null
    group by
        user_id,
        period_kind,
        period_start,
        artist_key
)

select
    summed.user_id,
    summed.period_kind,
    summed.period_start,
    rank() over (
        partition by summed.user_id, summed.period_kind, summed.period_start
        order by summed.plays desc
    )::integer as rank,
    summed.artist_key,
    artists.artist_id,
    coalesce(artists.artist_name, nullif(split_part(summed.artist_key, chr(31), 2), '')) as artist_name,
    summed.plays,
    summed.streams,
    summed.ms_listened,
    summed.ms_estimated,
    summed.first_played_at,
    summed.last_played_at
from summed
left join {{ ref('dim_artists') }} as artists
    on summed.artist_key = artists.artist_id
