{#- No two rows share the given columns. A unique index sees to it, so ticks leave it as `no_nulls` is left. -#}
{% test unique_key(model, columns) %}
{{ config(tags=['nightly']) }}
select
    {{ columns | join(',\n    ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
