{{ config(
    unique_key=['user_id', 'period_kind', 'period_start', 'track_key'],
    meta={'scope': 'track_periods'},
    indexes=[
        {'columns': ['user_id', 'period_kind', 'period_start', 'track_key'], 'unique': true},
        {'columns': ['user_id', 'track_key']},
    ],
) }}

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

{#- Weeks and months come from days, longer periods from months: of a listener and track there are few. -#}
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
all_months as (
    select * from months
    {% if is_incremental() %}
    union all
    select
        stored.user_id,
        stored.period_start,
        stored.track_key,
        stored.streams,
        stored.plays,
        stored.ms_played,
        stored.plays_of_unknown_length,
        stored.completed,
        stored.skipped,
        stored.first_played_at,
        stored.last_played_at
    from ops.scope_listener_tracks as touched
    inner join {{ this }} as stored
        on
            touched.user_id = stored.user_id
            and touched.track_key = stored.track_key
    where
        stored.period_kind = 'month'
        and not exists (
            select 1
            from ops.scope_periods as scope
            where
                stored.user_id = scope.user_id
                and scope.period_kind = 'month'
                and stored.period_start = scope.period_start
        )
    {% endif %}
),

measured as (
    {% for kind in ['week', 'month'] -%}
    select
        '{{ kind }}' as period_kind,
        {{ kind }}s.*
    from {{ kind }}s
    union all
    {% endfor -%}
    {% for kind in ['quarter', 'year', 'all_time'] -%}
    {%- set start = "date_trunc('" ~ kind ~ "', all_months.period_start::timestamp)::date" -%}
    {%- if kind == 'all_time' -%}
    {%- set start = "date '1970-01-01'" -%}
    {%- endif -%}
    select
        '{{ kind }}' as period_kind,
        all_months.user_id,
        {{ start }} as period_start,
        all_months.track_key,
        {{ sums }}
    from all_months
    {% if is_incremental() and kind != 'all_time' %}
    inner join ops.scope_periods as scope
        on
            all_months.user_id = scope.user_id
            and scope.period_kind = '{{ kind }}'
            and {{ start }} = scope.period_start
    {% endif %}
    group by all_months.user_id, {{ start }}, all_months.track_key
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    user_id,
    period_kind,
    period_start,
    track_key,
    streams,
    plays,
    ms_played,
    plays_of_unknown_length,
    completed,
    skipped,
    first_played_at,
    last_played_at
from measured
