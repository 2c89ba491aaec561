{#-
  In a tick (an incremental `dbt build`) the tests of a model with a scope read only the rows that this build is about. A full
  build, and `dbt test` (the nightly audit, a check run by hand), read everything.
-#}
{% macro get_where_subquery(relation) -%}
    {%- set scope = none -%}
    {%- if execute and flags.WHICH == 'build' and not flags.FULL_REFRESH and model.attached_node -%}
        {%- set scope = graph.nodes[model.attached_node].config.meta.get('scope') -%}
    {%- endif -%}
    {%- if not scope -%}
        {{ return(default__get_where_subquery(relation)) }}
    {%- endif -%}
    {%- set where = config.get('where', '') -%}
    {%- set filtered -%}
        (
            select in_scope.*
            from {{ rows_in_scope(relation, scope) }} as in_scope
            {% if where %}where {{ where }}{% endif %}
        ) dbt_subquery
    {%- endset -%}
    {{ return(filtered) }}
{%- endmacro %}
