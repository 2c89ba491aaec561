{#-
  In a tick (an incremental `dbt build`) the tests of a model with scopes read only the rows that this build is about. A full
  build, and `dbt test` (the nightly audit, a check run by hand), read everything.
-#}
{% macro get_where_subquery(relation) -%}
    {%- set scopes = [] -%}
    {%- if execute and flags.WHICH == 'build' and not flags.FULL_REFRESH and model.attached_node -%}
        {%- set scopes = graph.nodes[model.attached_node].config.meta.get('scopes', []) -%}
    {%- endif -%}
    {%- if not scopes -%}
        {{ return(default__get_where_subquery(relation)) }}
    {%- endif -%}
    {%- set where = config.get('where', '') -%}
    {%- set filtered -%}
        (
            select in_scope.*
            from {{ rows_in_scope(relation, scopes) }} as in_scope
            {% if where %}where {{ where }}{% endif %}
        ) dbt_subquery
    {%- endset -%}
    {{ return(filtered) }}
{%- endmacro %}
