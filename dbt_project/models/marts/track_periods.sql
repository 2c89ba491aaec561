{{ config(
    unique_key=['user_id', 'period_kind', 'period_start', 'track_key'],
    meta={'scope': 'track_periods'},
    indexes=[
        {'columns': ['user_id', 'period_kind', 'period_start', 'track_key'], 'unique': true},
        {'columns': ['user_id', 'track_key', 'period_kind']},
    ],
) }}

{#- Each kind comes from the next shorter one, so that of a listener and track there are few rows to sum. -#}
{% set measures = [
    'streams', 'plays', 'ms_played', 'plays_of_unknown_length', 'completed', 'skipped', 'first_played_at',
    'last_played_at',
] -%}
{% set sums -%}
        sum(streams)::integer as streams,
        sum(plays)::integer as plays,
        sum(ms_played)::bigint as ms_played,
        sum(plays_of_unknown_length)::integer as plays_of_unknown_length,
        sum(completed)::integer as completed,
        sum(skipped)::integer as skipped,
        min(first_played_at) as first_played_at,
        max(last_played_at) as last_played_at
{%- endset %}

with
{% for kind, length in [('week', '7 days'), ('month', '1 month')] -%}
{{ kind }}s as (
    select
        days.user_id,
        date_trunc('{{ kind }}', days.local_date::timestamp)::date as period_start,
        days.track_key,
        {{ sums }}
    from {{ ref('track_days') }} as days
    {% if is_incremental() %}
    inner join ops.scope_periods as scope
        on
            days.user_id = scope.user_id
            and days.local_date >= scope.period_start
            and days.local_date < (scope.period_start + interval '{{ length }}')::date
            and scope.period_kind = '{{ kind }}'
    inner join ops.scope_listener_tracks as touched
        on
            days.user_id = touched.user_id
            and days.track_key = touched.track_key
    {% endif %}
    group by days.user_id, date_trunc('{{ kind }}', days.local_date::timestamp)::date, days.track_key
),

{% endfor -%}
{% for part, kind, count in [('month', 'quarter', 2), ('quarter', 'year', 9)] -%}
{{ part }}s_of_{{ kind }}s as (
    select * from {{ part }}s
    {% if is_incremental() %}
    union all
    -- Those of the period that this build leaves as they are.
    select
        stored.user_id,
        stored.period_start,
        stored.track_key,
        stored.{{ measures | join(',\n        stored.') }}
    from ops.scope_periods as scope
    cross join
        lateral generate_series(
            scope.period_start::timestamp,
            scope.period_start + interval '{{ count }} months',
            interval '{{ 1 if part == 'month' else 3 }} months'
        ) as parts (starts_at)
    inner join ops.scope_listener_tracks as touched
        on scope.user_id = touched.user_id
    inner join {{ this }} as stored
        on
            touched.user_id = stored.user_id
            and stored.period_kind = '{{ part }}'
            and parts.starts_at::date = stored.period_start
            and touched.track_key = stored.track_key
    where
        scope.period_kind = '{{ kind }}'
        and not exists (
            select 1
            from ops.scope_periods as remade
            where
                stored.user_id = remade.user_id
                and remade.period_kind = '{{ part }}'
                and stored.period_start = remade.period_start
        )
    {% endif %}
),

{{ kind }}s as (
    select
        user_id,
        date_trunc('{{ kind }}', period_start::timestamp)::date as period_start,
        track_key,
        {{ sums }}
    from {{ part }}s_of_{{ kind }}s
    group by user_id, date_trunc('{{ kind }}', period_start::timestamp)::date, track_key
),

{% endfor -%}
all_years as (
    select * from years
    {% if is_incremental() %}
    union all
    select
        stored.user_id,
        stored.period_start,
        stored.track_key,
        stored.{{ measures | join(',\n        stored.') }}
    from ops.scope_listener_tracks as touched
    inner join {{ this }} as stored
        on
            touched.user_id = stored.user_id
            and touched.track_key = stored.track_key
            and stored.period_kind = 'year'
    where
        not exists (
            select 1
            from ops.scope_periods as remade
            where
                stored.user_id = remade.user_id
                and remade.period_kind = 'year'
                and stored.period_start = remade.period_start
        )
    {% endif %}
),

all_times as (
    select
        user_id,
        date '1970-01-01' as period_start,
        track_key,
        {{ sums }}
    from all_years
    group by user_id, track_key
),

measured as (
    {% for kind in ['week', 'month', 'quarter', 'year', 'all_time'] -%}
    select
        '{{ kind }}' as period_kind,
        {{ kind }}s.*
    from {{ kind }}s
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    user_id,
    period_kind,
    period_start,
    track_key,
    {{ measures | join(',\n    ') }}
from measured
