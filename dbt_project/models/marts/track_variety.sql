{{ config(materialized='view') }}

select
    measured.user_id,
    measured.period_kind,
    measured.period_start,
    count(*)::integer as tracks,
    (count(*) filter (where measured.plays > 0))::integer as tracks_played,
    sum(measured.plays)::integer as plays,
    {{ share(
        'sum(measured.plays) - count(*) filter (where measured.plays > 0)',
        'sum(measured.plays)'
    ) }} as repeat_rate,
    -- The inverse Simpson index: so many tracks, all played equally often, would be as varied.
    (
        sum(measured.plays)::numeric * sum(measured.plays) / nullif(sum(measured.plays::bigint * measured.plays), 0)
    )::numeric(12, 2) as diversity,
    (count(*) filter (where ever.first_local_date >= measured.period_start))::integer as new_tracks,
    coalesce(
        sum(measured.plays) filter (where ever.first_local_date >= measured.period_start), 0
    )::integer as plays_of_new_tracks,
    {{ share(
        'coalesce(sum(measured.plays) filter (where ever.first_local_date >= measured.period_start), 0)',
        'sum(measured.plays)'
    ) }} as share_of_new_tracks
from {{ measured_periods() }} as measured
inner join {{ ref('track_periods') }} as ever
    on
        measured.user_id = ever.user_id
        and measured.track_key = ever.track_key
        and ever.period_kind = 'all_time'
group by
    measured.user_id,
    measured.period_kind,
    measured.period_start
