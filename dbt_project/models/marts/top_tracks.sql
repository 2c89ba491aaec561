{{ config(materialized='view') }}

select
    measured.user_id,
    measured.period_kind,
    measured.period_start,
    rank() over (
        partition by measured.user_id, measured.period_kind, measured.period_start
        order by measured.plays desc
    )::integer as rank,
    measured.track_key,
    case when measured.track_key not like 'name' || chr(31) || '%' then measured.track_key end as track_id,
    coalesce(tracks.track_name, nullif(split_part(measured.track_key, chr(31), 3), '')) as track_name,
    coalesce(tracks.main_artist_name, nullif(split_part(measured.track_key, chr(31), 2), '')) as main_artist_name,
    measured.plays,
    measured.streams,
    measured.completed,
    measured.skipped,
    measured.ms_played + coalesce(measured.plays_of_unknown_length * tracks.duration_ms::bigint, 0) as ms_listened,
    coalesce(measured.plays_of_unknown_length * tracks.duration_ms::bigint, 0) as ms_estimated,
    measured.first_played_at,
    measured.last_played_at
from {{ measured_periods() }} as measured
left join {{ ref('dim_tracks') }} as tracks
    on measured.track_key = tracks.track_id
