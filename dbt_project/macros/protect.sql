{#-
  Who may read what dbt makes, in the transaction that makes it; a tick, which makes nothing new, leaves it as it is.

  A view runs with the rights of who reads it. A table shows a listener's role (ops.listener_roles) the rows with that
  listener's user_id; one without that column says in `meta.heard` that it has a row a track, artist or album, and
  shows those that the listener has heard; or it is everybody's by `meta.public`. The role `reader` is let into the
  marts, and into what views in the marts read.
-#}
{% macro protect() -%}
    {%- if execute and (flags.FULL_REFRESH or load_cached_relation(this) is none) -%}
        {%- if config.get('materialized') == 'view' -%}
    alter view {{ this }} set (security_invoker = true);
        {%- else -%}
    alter table {{ this }} enable row level security;
    drop policy if exists listeners on {{ this }};
    create policy listeners on {{ this }} for select using ({{ rows_for_who_asks() }});
        {%- endif -%}
        {%- if is_for_readers() %}
    do $grant$
    begin
        if exists (select from pg_roles where rolname = 'reader') then
            grant select on {{ this }} to reader;
        end if;
    end;
    $grant$
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro rows_for_who_asks() -%}
    {%- set meta = config.get('meta', {}) -%}
    {%- if meta.get('public') -%}
    true
    {%- elif 'user_id' in model.columns -%}
    (select ops.reads_everybody()) or user_id = any((select ops.own_listeners())::text[])
    {%- if meta.get('without_user_id') == 'of_everybody' %} or user_id is null{% endif %}
    {%- elif meta.get('heard') in ('tracks', 'artists', 'albums') -%}
    (select ops.reads_everybody()) or {{ meta.heard[:-1] }}_id in (select ops.heard_{{ meta.heard }}())
    {%- else -%}
        {{ exceptions.raise_compiler_error(
            model.name ~ ' has no user_id: whose are its rows? Say meta.heard (tracks, artists or albums) or meta.public.'
        ) }}
    {%- endif -%}
{%- endmacro %}

{% macro is_for_readers() -%}
    {%- set needed = [] -%}
    {%- for node in graph.nodes.values() if node.schema == 'marts' and node.config.materialized == 'view' -%}
        {%- do needed.extend(node.depends_on.nodes) -%}
    {%- endfor -%}
    {{ return(model.schema == 'marts' or model.unique_id in needed) }}
{%- endmacro %}
