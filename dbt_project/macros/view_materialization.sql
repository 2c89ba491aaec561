{#-
  A view's code can't have changed in an incremental build (changed code makes the build full), so a view that is there is
  left alone: replacing it would cost a tick several statements. A full build replaces it in place, so that the views
  that others have built on it stay; only where its columns no longer fit it is dropped, and they with it.
-#}
{% materialization view, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set made = this.incorporate(type='view') -%}
    {%- if existing is not none and not existing.is_view -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}
    {#- dbt forgets views whose table it has swapped; they are there (see rebind_views). -#}
    {%- if existing is not none and not flags.FULL_REFRESH -%}
        {%- call noop_statement('main', 'UNCHANGED') -%}{%- endcall -%}
        {{ return({'relations': [made]}) }}
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
    {{ adapter.commit() }}
    {{ return({'relations': [made]}) }}
{%- endmaterialization %}
