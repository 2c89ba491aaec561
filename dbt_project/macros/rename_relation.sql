{#-
  Before a table gives way to a new one, the views on it are locked, and by that the tables they read: in the order in
  which a reader of the view locks them, or the two would wait for each other.
-#}
{% macro postgres__rename_relation(from_relation, to_relation) -%}
    {%- if to_relation.identifier.endswith('__dbt_backup') -%}
        {%- call statement('lock_views') -%}
        do $lock$
        declare
            bound record;
        begin
            for bound in
                select distinct views.oid::regclass::text as name
                from pg_depend as depends
                inner join pg_rewrite as rules on depends.objid = rules.oid
                inner join pg_class as views on rules.ev_class = views.oid
                where
                    depends.refobjid = to_regclass('{{ from_relation.schema }}.{{ from_relation.identifier }}')
                    and views.relkind = 'v'
                order by name
            loop
                execute format('lock table %s in access exclusive mode', bound.name);
            end loop;
        end;
        $lock$
        {%- endcall -%}
    {%- endif -%}
    {{ return(dbt.default__rename_relation(from_relation, to_relation)) }}
{%- endmacro %}
