{{ config(
    unique_key=['user_id', 'track_key', 'period_kind', 'period_start'],
    meta={'scope': 'track_periods'},
    indexes=[
        {'columns': ['user_id', 'track_key', 'period_kind', 'period_start'], 'unique': true},
        {'columns': ['user_id', 'period_kind', 'period_start']},
        {'columns': ['user_id', 'period_kind', 'next_period_start']},
    ],
) }}

{#- Each kind comes from the next shorter one, so that of a listener and track there are few rows to sum. -#}
with
{% for kind in ['week', 'month'] -%}
{{ kind }}s as (
    select
        days.user_id,
        date_trunc('{{ kind }}', days.local_date::timestamp)::date as period_start,
        days.track_key,
        {{ added_up(dates=true) }}
    from {{ scoped(ref('track_days'), 'days_of_' ~ kind ~ 's') }} as days
    {% if is_incremental() %}
    inner join ops.scope_listener_tracks as touched
        on
            days.user_id = touched.user_id
            and days.track_key = touched.track_key
    {% endif %}
    group by days.user_id, date_trunc('{{ kind }}', days.local_date::timestamp)::date, days.track_key
),

{% endfor -%}
{% for part, kind in [('month', 'quarter'), ('quarter', 'year')] -%}
{{ part }}s_of_{{ kind }}s as (
    select * from {{ part }}s
    {% if is_incremental() %}
    union all
    -- Those of the period that this build leaves as they are.
    select
        stored.user_id,
        stored.period_start,
        stored.track_key,
        {{ measures('stored.') }}
    from {{ rows_in_scope(this, part ~ 's_of_' ~ kind ~ 's') }} as stored
    where
        not exists (
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
        {{ added_up(dates=true) }}
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
        {{ measures('stored.') }}
    from {{ rows_in_scope(this, 'years') }} as stored
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
        {{ added_up(dates=true) }}
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
    {{ next_start('period_kind', 'period_start') }} as next_period_start,
    track_key,
    {{ measures() }}
from measured
