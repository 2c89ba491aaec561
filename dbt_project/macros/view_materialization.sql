{#-
  A view's code can't have changed in an incremental build (changed code makes the build full), so a view that is there is
  left alone: replacing it would cost a tick several statements and drop what others have built on it.
-#}
{% materialization view, adapter='postgres' -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none and existing.is_view and not flags.FULL_REFRESH -%}
        {%- call noop_statement('main', 'UNCHANGED') -%}{%- endcall -%}
        {{ return({'relations': [this.incorporate(type='view')]}) }}
    {%- endif -%}
    {{ return(dbt.materialization_view_default()) }}
{%- endmaterialization %}
