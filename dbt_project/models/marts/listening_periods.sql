{{ config(materialized='view') }}

with summed as (
    {% for kind in ['day', 'week', 'month', 'quarter', 'year', 'all_time'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'local_date') }} as period_start,
        {{ added_up() }},
        count(distinct local_date) filter (where plays > 0) as days,
        sum(plays) filter (where is_incognito) as plays_incognito,
        sum(ms_listened) filter (where is_incognito) as ms_incognito,
        sum(ms_listened) filter (where content_type in ('episode', 'audiobook')) as ms_spoken
    from {{ ref('listening_hours') }}
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
    coalesce(plays_incognito, 0)::integer as plays_incognito,
    coalesce(ms_incognito, 0)::bigint as ms_incognito,
    coalesce(ms_spoken, 0)::bigint as ms_spoken,
    first_played_at,
    last_played_at
from summed
