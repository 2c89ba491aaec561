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
    {{ named_track('tracks', 'ranked') }},
    {{ standing() }}
from ranked
left join {{ ref('dim_tracks') }} as tracks
    on ranked.track_key = tracks.track_id
where ranked.streams > 0
