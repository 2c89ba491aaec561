{{ config(materialized='view') }}

-- A play counts once: it is shared out among the genres of the artist credited first, by their weight.
with shared as (
    select
        measured.user_id,
        measured.period_kind,
        measured.period_start,
        measured.is_current,
        coalesce(genres.genre, 'unknown') as genre,
        coalesce(tracks.main_artist_id, {{ named_artist('tracks', 'measured') }}) as main_artist,
        measured.plays * coalesce(genres.weight, 1) as plays,
        measured.ms_listened * coalesce(genres.weight, 1) as ms_listened
    from {{ measured_periods(before=true) }} as measured
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
        coalesce(sum(plays) filter (where is_current), 0)::numeric(14, 2) as plays,
        coalesce(sum(ms_listened) filter (where is_current), 0)::bigint as ms_listened,
        (sum(plays) filter (where not is_current))::numeric(14, 2) as plays_before,
        count(distinct main_artist) filter (where is_current)::integer as artists,
        bool_or(is_current) as is_current
    from shared
    group by
        user_id,
        period_kind,
        period_start,
        genre
),

{{ ranked() }}

select
    user_id,
    period_kind,
    period_start,
    rank,
    rank_by_time,
    case when plays_before is not null then rank_before end as previous_rank,
    case when plays_before is not null then rank_before - rank end as change,
    genre,
    plays,
    share_of_plays,
    ms_listened,
    share_of_time,
    plays_before,
    artists
from ranked
where is_current
