{{ config(materialized='view') }}

with charted as (
    select distinct
        history.source,
        history.chart,
        date_trunc('month', history.chart_date)::date as month_start,
        coalesce(recordings.recording_id, history.track_id) as recording_key
    from {{ ref('chart_history') }} as history
    left join {{ ref('track_recordings') }} as recordings
        on history.track_id = recordings.track_id
    where history.track_id is not null
),

months as (
    select distinct
        source,
        chart,
        month_start
    from charted
),

heard as (
    select
        periods.user_id,
        periods.period_start as month_start,
        coalesce(recordings.recording_id, periods.track_key) as recording_key,
        sum(periods.plays) as plays,
        sum(periods.ms_listened) as ms
    from {{ ref('track_periods') }} as periods
    left join {{ ref('track_recordings') }} as recordings
        on periods.track_key = recordings.track_id
    where periods.period_kind = 'month'
    group by
        periods.user_id,
        periods.period_start,
        coalesce(recordings.recording_id, periods.track_key)
)

select
    heard.user_id,
    heard.month_start,
    months.source,
    months.chart,
    sum(heard.plays)::integer as plays,
    coalesce(sum(heard.plays) filter (where charted.recording_key is not null), 0)::integer as plays_on_chart,
    (
        coalesce(sum(heard.plays) filter (where charted.recording_key is not null), 0) / nullif(sum(heard.plays), 0)
    )::numeric(5, 4) as share_of_plays,
    (
        coalesce(sum(heard.ms) filter (where charted.recording_key is not null), 0) / nullif(sum(heard.ms), 0)
    )::numeric(5, 4) as share_of_time,
    count(charted.recording_key)::integer as recordings_on_chart,
    count(*) filter (where firsts.days_before_the_world > 0)::integer as heard_before_the_world,
    count(*) filter (where firsts.first_heard_on >= firsts.first_charted_on)::integer as heard_after_the_world
from heard
inner join months
    on heard.month_start = months.month_start
left join charted
    on
        months.source = charted.source
        and months.chart = charted.chart
        and heard.month_start = charted.month_start
        and heard.recording_key = charted.recording_key
left join {{ ref('chart_firsts') }} as firsts
    on
        heard.user_id = firsts.user_id
        and charted.source = firsts.source
        and charted.chart = firsts.chart
        and charted.recording_key = firsts.recording_key
group by
    heard.user_id,
    heard.month_start,
    months.source,
    months.chart
