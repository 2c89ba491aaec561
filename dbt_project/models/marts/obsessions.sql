{{ config(
    unique_key=['user_id', 'track_key', 'started_on'],
    meta={'scope': 'listener_tracks'},
    indexes=[{'columns': ['user_id', 'track_key', 'started_on'], 'unique': true}],
) }}

with days as (
    select
        rows_of.user_id,
        rows_of.track_key,
        rows_of.local_date,
        rows_of.plays,
        sum(rows_of.plays) over within as plays_within,
        min(rows_of.local_date) over within as within_from
    from {{ scoped(ref('track_days'), 'listener_tracks') }} as rows_of
    where rows_of.plays > 0
    window within as (
        partition by rows_of.user_id, rows_of.track_key
        order by rows_of.local_date
        range between interval '{{ var("obsession_days_before") }} days' preceding and current row
    )
),

hot as (
    select
        *,
        coalesce(
            within_from > lag(local_date) over (partition by user_id, track_key order by local_date), true
        ) as opens
    from days
    where plays_within >= {{ var('obsession_plays') }}
),

numbered as (
    select
        *,
        count(*) filter (where opens) over (partition by user_id, track_key order by local_date) as number
    from hot
),

spans as (
    select
        user_id,
        track_key,
        min(within_from) as started_on,
        max(local_date) as ended_on,
        max(plays_within)::integer as most_plays_within
    from numbered
    group by
        user_id,
        track_key,
        number
)

select
    spans.user_id,
    spans.track_key,
    spans.started_on,
    spans.ended_on,
    count(*)::integer as days_played,
    sum(days.plays)::integer as plays,
    spans.most_plays_within
from spans
inner join days
    on
        spans.user_id = days.user_id
        and spans.track_key = days.track_key
        and days.local_date between spans.started_on and spans.ended_on
group by
    spans.user_id,
    spans.track_key,
    spans.started_on,
    spans.ended_on,
    spans.most_plays_within
