{#- dbt's own test, but it looks each value up once: in a tick a join would read the whole other relation. -#}
{% macro default__test_relationships(model, column_name, to, field) %}
with named as (
    select distinct {{ column_name }} as from_field
    from {{ model }}
    where {{ column_name }} is not null
)

select named.from_field
from named
where
    not exists (
        select 1
        from {{ to }} as stored
        where named.from_field = stored.{{ field }}
        offset 0
    )
{% endmacro %}
