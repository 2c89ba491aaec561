{{ config(materialized='view') }}

-- A play counts once: it is shared out among the genres of the artist credited first, by their weight.
with shared as (
    select
        measured.user_id,
        measured.period_kind,
        measured.period_start,
        coalesce(genres.genre, 'unknown') as genre,
        coalesce(genres.weight, 1) as weight,
        tracks.main_artist_id,
        measured.plays,
        measured.ms_played + coalesce(measured.plays_of_unknown_length * tracks.duration_ms::bigint, 0) as ms_listened
    from {{ measured_periods() }} as measured
    left join {{ ref('dim_tracks') }} as tracks
        on measured.track_key = tracks.track_id
    left join {{ ref('artist_genres') }} as genres
        on tracks.main_artist_id = genres.artist_id
),

summed as (
    select
        user_id,
        period_kind,
        period_start,
        genre,
        sum(plays * weight) as plays,
        sum(ms_listened * weight)::bigint as ms_listened,
        count(distinct main_artist_id)::integer as artists
    from shared
    group by
        user_id,
        period_kind,
        period_start,
        genre
)

select
    user_id,
    period_kind,
    period_start,
    rank() over (
        partition by user_id, period_kind, period_start
        order by plays desc
    )::integer as rank,
    genre,
    plays::numeric(14, 2) as plays,
    (plays / nullif(sum(plays) over (partition by user_id, period_kind, period_start), 0))::numeric(5, 4) as share,
    ms_listened,
    artists
from summed
