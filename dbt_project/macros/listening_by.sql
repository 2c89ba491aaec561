{#- Listening by month, year and for all time, and by some columns of listening_hours; of each its part of the time. -#}
{% macro listening_by(columns) -%}
with summed as (
    {% for kind in ['month', 'year', 'all_time'] -%}
    select
        user_id,
        '{{ kind }}' as period_kind,
        {{ start_of(kind, 'local_date') }} as period_start,
        {% for name, source in columns.items() -%}
        {{ source }} as {{ name }},
        {% endfor -%}
        sum(plays)::integer as plays,
        sum(streams)::integer as streams,
        sum(ms_listened)::bigint as ms_listened
    from {{ ref('listening_hours') }}
    group by
        user_id,
        {{ start_of(kind, 'local_date') }},
        {{ columns.values() | join(',\n        ') }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    user_id,
    period_kind,
    period_start,
    {{ columns.keys() | join(',\n    ') }},
    plays,
    streams,
    ms_listened,
    {{ share(
        'ms_listened',
        'sum(ms_listened) over (partition by user_id, period_kind, period_start)'
    ) }} as share_of_time
from summed
{%- endmacro %}
