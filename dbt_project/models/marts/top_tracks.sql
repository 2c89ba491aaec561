{{ config(materialized='view') }}

with summed as (
    select
        user_id,
        period_kind,
        period_start,
        track_key,
        {{ summed_with_before() }}
    from {{ measured_periods(before=true) }} as measured
    group by
        user_id,
        period_kind,
        period_start,
        track_key
),

{{ ranked() }}

select
    ranked.user_id,
    ranked.period_kind,
    ranked.period_start,
    ranked.rank,
    ranked.track_key,
    case when ranked.track_key not like 'name' || chr(31) || '%' then ranked.track_key end as track_id,
    coalesce(tracks.track_name, nullif(split_part(ranked.track_key, chr(31), 3), '')) as track_name,
    coalesce(tracks.main_artist_name, nullif(split_part(ranked.track_key, chr(31), 2), '')) as main_artist_name,
    {{ standing() }}
from ranked
left join {{ ref('dim_tracks') }} as tracks
    on ranked.track_key = tracks.track_id
where ranked.streams > 0
