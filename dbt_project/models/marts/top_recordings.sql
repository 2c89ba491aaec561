{{ config(materialized='view') }}

with summed as (
    select
        measured.user_id,
        measured.period_kind,
        measured.period_start,
        coalesce(recordings.recording_id, measured.track_key) as recording_key,
        min(recordings.recording_id) as recording_id,
        min(measured.track_key) as any_track_key,
        sum(measured.plays)::integer as plays,
        sum(measured.streams)::integer as streams,
        count(distinct measured.track_key)::integer as tracks,
        sum(measured.ms_listened)::bigint as ms_listened,
        min(measured.first_played_at) as first_played_at,
        max(measured.last_played_at) as last_played_at
    from {{ measured_periods() }} as measured
    left join {{ ref('track_recordings') }} as recordings
        on measured.track_key = recordings.track_id
    group by
        measured.user_id,
        measured.period_kind,
        measured.period_start,
        coalesce(recordings.recording_id, measured.track_key)
)

select
    summed.user_id,
    summed.period_kind,
    summed.period_start,
    rank() over (
        partition by summed.user_id, summed.period_kind, summed.period_start
        order by summed.plays desc
    )::integer as rank,
    summed.recording_id,
    coalesce(named.title, nullif(split_part(summed.any_track_key, chr(31), 3), '')) as title,
    coalesce(named.main_artist_name, nullif(split_part(summed.any_track_key, chr(31), 2), '')) as main_artist_name,
    summed.tracks,
    summed.plays,
    summed.streams,
    summed.ms_listened,
    summed.first_played_at,
    summed.last_played_at
from summed
left join {{ ref('dim_recordings') }} as named
    on summed.recording_id = named.recording_id
