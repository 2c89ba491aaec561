{#-
  A full build replaces a view in place, so that the views that others have built on it stay; only where its columns no longer
  fit it is dropped, and they with it. Incremental builds leave views alone: changed code makes a build full.
-#}
{% materialization view, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set made = this.incorporate(type='view') -%}
    {%- if existing is not none and not existing.is_view -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {%- call statement('main') -%}
        do $replace$
        begin
            create or replace view {{ this }} as (
                {{ sql }}
            );
        exception
            when invalid_table_definition then
                drop view {{ this }} cascade;
                create view {{ this }} as (
                    {{ sql }}
                );
        end;
        $replace$
    {%- endcall -%}
    {% do persist_docs(made, model) %}
    {%- call statement('protect') -%} {{ protect() }} {%- endcall -%}
    {{ adapter.commit() }}
    {{ return({'relations': [made]}) }}
{%- endmaterialization %}
