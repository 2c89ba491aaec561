{{ config(materialized='view') }}

with summed as (
    {% for kind in ['day', 'week', 'month', 'quarter', 'year', 'all_time'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'local_date') }} as period_start,
        {{ added_up() }},
        count(*) filter (where plays > 0) as days,
        sum(plays_incognito) as plays_incognito,
        sum(ms_incognito) as ms_incognito,
        sum(ms_spoken) as ms_spoken
    from {{ ref('listening_days') }}
    group by user_id, {{ start_of(kind, 'local_date') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    user_id,
    period_kind,
    period_start,
    plays,
    streams,
    ms_listened,
    ms_estimated,
    plays_of_unknown_length,
    days::integer as days,
    completed,
    skipped,
    ends_known,
    {{ share('completed', 'ends_known') }} as completion_rate,
    {{ share('skipped', 'ends_known') }} as skip_rate,
    plays_incognito::integer as plays_incognito,
    ms_incognito::bigint as ms_incognito,
    ms_spoken::bigint as ms_spoken,
    first_played_at,
    last_played_at
from summed
