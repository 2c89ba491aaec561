{{ config(
    unique_key=['user_id', 'period_kind', 'period_start', 'track_id'],
    meta={'scopes': ['periods']},
    indexes=[
        {'columns': ['user_id', 'period_kind', 'period_start', 'track_id'], 'unique': true},
        {'columns': ['track_id']},
    ],
) }}
-- depends_on: {{ ref('scope_periods') }}

{% set kinds = [
    ('day', 'int_track_days', 'local_date', "interval '1 day'"),
    ('week', 'int_track_days', 'local_date', "interval '7 days'"),
    ('month', 'int_track_months', 'month_start', "interval '1 month'"),
    ('year', 'int_track_months', 'month_start', "interval '1 year'"),
] -%}

with counted as (
    {% for kind, model_name, date_column, length in kinds -%}
    select
        rolled.user_id,
        '{{ kind }}' as period_kind,
        date_trunc('{{ kind }}', rolled.{{ date_column }}::timestamp)::date as period_start,
        rolled.track_id,
        rolled.plays,
        rolled.first_played_at,
        rolled.last_played_at
    from {{ ref(model_name) }} as rolled
    {% if is_incremental() %}
    inner join {{ ref('scope_periods') }} as scope
        on
            rolled.user_id = scope.user_id
            and rolled.{{ date_column }} >= scope.period_start
            and rolled.{{ date_column }} < (scope.period_start + {{ length }})::date
            and scope.period_kind = '{{ kind }}'
    {% endif %}
    union all
    {% endfor -%}
    select
        rolled.user_id,
        'all_time' as period_kind,
        date '1970-01-01' as period_start,
        rolled.track_id,
        rolled.plays,
        rolled.first_played_at,
        rolled.last_played_at
    from {{ ref('int_track_months') }} as rolled
    {% if is_incremental() %}
    inner join {{ ref('scope_periods') }} as scope
        on
            rolled.user_id = scope.user_id
            and scope.period_kind = 'all_time'
    {% endif %}
),

summed as (
    select
        user_id,
        period_kind,
        period_start,
        track_id,
        sum(plays)::integer as plays,
        min(first_played_at) as first_played_at,
        max(last_played_at) as last_played_at
    from counted
    group by
        user_id,
        period_kind,
        period_start,
        track_id
)

select
    user_id,
    period_kind,
    period_start,
    track_id,
    plays,
    rank() over (
        partition by user_id, period_kind, period_start
        order by plays desc
    )::integer as rank,
    first_played_at,
    last_played_at
from summed
