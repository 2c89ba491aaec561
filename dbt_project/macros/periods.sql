{#- The local dates on which the period after this one, and the one before it, begin; null for all_time, which is alone. -#}
{% macro next_start(kind, start) -%}
    {{ _moved(kind, start, '+') }}
{%- endmacro %}

{% macro previous_start(kind, start) -%}
    {{ _moved(kind, start, '-') }}
{%- endmacro %}

{% macro _moved(kind, start, sign) -%}
    case {{ kind }}
        when 'day' then {{ start }} {{ sign }} 1
        when 'week' then {{ start }} {{ sign }} 7
        when 'month' then ({{ start }} {{ sign }} interval '1 month')::date
        when 'quarter' then ({{ start }} {{ sign }} interval '3 months')::date
        when 'year' then ({{ start }} {{ sign }} interval '1 year')::date
    end
{%- endmacro %}

{#- The same period of the year before: of a day its date, of a week the one 52 weeks earlier. -#}
{% macro year_before(kind, start) -%}
    case {{ kind }}
        -- 29 February has none.
        when 'day'
            then case
                when to_char({{ start }}, 'MM-DD') <> '02-29' then ({{ start }} - interval '1 year')::date
            end
        when 'week' then {{ start }} - 364
        when 'all_time' then null
        else ({{ start }} - interval '1 year')::date
    end
{%- endmacro %}

{#- The first local date of the period that holds a local date. -#}
{% macro start_of(kind, local_date) -%}
    {%- if kind == 'day' -%} {{ local_date }}
    {%- elif kind == 'all_time' -%} date '1970-01-01'
    {%- else -%} date_trunc('{{ kind }}', {{ local_date }}::timestamp)::date
    {%- endif -%}
{%- endmacro %}

{#- A part of a whole, 0 to 1; null where there is no whole. -#}
{% macro share(part, whole, type='numeric(7, 6)') -%}
    (({{ part }})::numeric / nullif({{ whole }}, 0))::{{ type }}
{%- endmacro %}

{#- When a local date begins where the listener was then; UTC where no zone is known. -#}
{% macro midnight_of(listener, local_date) -%}
    ({{ local_date }})::timestamp at time zone coalesce(
        (
            select zones.time_zone
            from {{ ref('listener_zones') }} as zones
            where
                zones.user_id = {{ listener }}
                and ({{ local_date }})::timestamp at time zone zones.time_zone >= zones.starts_at
            order by zones.starts_at desc
            limit 1
        ),
        'UTC'
    )
{%- endmacro %}
