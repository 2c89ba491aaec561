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
{% macro share(part, whole) -%}
    (({{ part }})::numeric / nullif({{ whole }}, 0))::numeric(7, 6)
{%- endmacro %}
