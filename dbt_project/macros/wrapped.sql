{#- The place in a period without ties: by plays, then by time, then by key. -#}
{% macro place(key) -%}
    row_number() over (
        partition by user_id, period_kind, period_start
        order by plays desc, ms_listened desc, {{ key }} collate "C" asc
    )
{%- endmacro %}

{#- The five best of a period as a JSON array; `names` maps the objects' fields to columns. -#}
{% macro five(names) -%}
    jsonb_agg(
        jsonb_build_object(
            {% for field, column in names.items() -%}
            '{{ field }}', {{ column }},
            {% endfor -%}
            'plays', plays,
            'minutes', round(ms_listened / 60000.0)
        )
        order by place
    ) filter (where place <= 5)
{%- endmacro %}

{#- Whether a row is of the period of `totals`; and whether its date lies in it. -#}
{% macro in_totals(rows) -%}
    {{ rows }}.user_id = totals.user_id
    and {{ rows }}.period_kind = totals.period_kind
    and {{ rows }}.period_start = totals.period_start
{%- endmacro %}

{% macro within_totals(rows) -%}
    {{ rows }}.user_id = totals.user_id
    and {{ rows }}.local_date >= totals.period_start
    and {{ rows }}.local_date < {{ next_start('totals.period_kind', 'totals.period_start') }}
{%- endmacro %}
