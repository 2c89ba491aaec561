{{ config(materialized='view') }}

with charted as (
    select
        history.source,
        history.chart,
        coalesce(recordings.recording_id, history.track_id) as recording_key,
        min(history.chart_date) as first_charted_on,
        min(min(history.chart_date)) over (partition by history.source, history.chart) as series_begins_on,
        min(history.position) as best_position
    from {{ ref('chart_history') }} as history
    left join {{ ref('track_recordings') }} as recordings
        on history.track_id = recordings.track_id
    where history.track_id is not null
    group by history.source, history.chart, coalesce(recordings.recording_id, history.track_id)
),

heard as (
    select
        periods.user_id,
        coalesce(recordings.recording_id, periods.track_key) as recording_key,
        min(periods.first_local_date) as first_heard_on,
        min(periods.first_played_at) as first_played_at,
        sum(periods.plays)::integer as plays
    from {{ ref('track_periods') }} as periods
    left join {{ ref('track_recordings') }} as recordings
        on periods.track_key = recordings.track_id
    where periods.period_kind = 'all_time'
    group by periods.user_id, coalesce(recordings.recording_id, periods.track_key)
)

select
    heard.user_id,
    charted.source,
    charted.chart,
    charted.recording_key,
    named.title,
    named.main_artist_name,
    heard.first_played_at,
    heard.first_heard_on,
    charted.first_charted_on,
    -- What stands on the first chart that is stored may have been on charts for years.
    case
        when charted.first_charted_on > charted.series_begins_on
            then charted.first_charted_on - heard.first_heard_on
    end as days_before_the_world,
    charted.best_position,
    heard.plays
from charted
inner join heard
    on charted.recording_key = heard.recording_key
left join {{ ref('dim_recordings') }} as named
    on charted.recording_key = named.recording_id
