{#- Descriptions become comments when a relation is made; a tick does not repeat them. -#}
{% macro persist_docs(relation, model, for_relation=true, for_columns=true) -%}
    {%- if flags.FULL_REFRESH or load_cached_relation(this) is none -%}
        {{ return(default__persist_docs(relation, model, for_relation, for_columns)) }}
    {%- endif -%}
{%- endmacro %}
