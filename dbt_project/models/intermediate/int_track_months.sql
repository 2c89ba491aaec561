{{ config(
    unique_key=['user_id', 'month_start', 'track_id'],
    meta={'scopes': ['months']},
    indexes=[{'columns': ['user_id', 'month_start', 'track_id'], 'unique': true}],
) }}
-- depends_on: {{ ref('scope_periods') }}

select
    days.user_id,
    date_trunc('month', days.local_date::timestamp)::date as month_start,
    days.track_id,
    sum(days.plays)::integer as plays,
    min(days.first_played_at) as first_played_at,
    max(days.last_played_at) as last_played_at
from {{ ref('int_track_days') }} as days
{% if is_incremental() %}
inner join {{ ref('scope_periods') }} as scope
    on
        days.user_id = scope.user_id
        and days.local_date >= scope.period_start
        and days.local_date < (scope.period_start + interval '1 month')::date
        and scope.period_kind = 'month'
{% endif %}
group by
    days.user_id,
    date_trunc('month', days.local_date::timestamp)::date,
    days.track_id
