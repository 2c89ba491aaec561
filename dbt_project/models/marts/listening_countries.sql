{{ config(materialized='view') }}

with summed as (
    {% for kind in ['month', 'year', 'all_time'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'local_date') }} as period_start,
        conn_country,
        {{ added_up() }}
    from {{ ref('listening_hours') }}
    group by
        user_id,
        {{ start_of(kind, 'local_date') }},
        conn_country
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    user_id,
    period_kind,
    period_start,
    conn_country,
    plays,
    streams,
    ms_listened,
    {{ share(
        'ms_listened',
        'sum(ms_listened) over (partition by user_id, period_kind, period_start)'
    ) }} as share_of_time
from summed
