{#-
  A full build puts a new table in the place of the old one, and drops that together with the views on it. Here the views
  are bound to the new table in the transaction that swaps them, so that no reader ever finds a view missing. A view that does not fit
  the new table goes, and is made anew later in the same build. Somebody else's view goes too.
-#}
{% macro rebind_views() -%}
    {%- if flags.FULL_REFRESH and execute -%}
    do $rebind$
    declare
        bound record;
    begin
        for bound in
            select distinct
                views.oid,
                views.relnamespace::regnamespace::text as schema_name,
                views.relname,
                pg_get_viewdef(views.oid) as definition
            from pg_depend as depends
            inner join pg_rewrite as rules on depends.objid = rules.oid
            inner join pg_class as views on rules.ev_class = views.oid
            where
                depends.refobjid = to_regclass('{{ this.schema }}.{{ this.identifier }}__dbt_backup')
                and views.relkind = 'v'
                and pg_has_role(views.relowner, 'usage')
        loop
            begin
                execute format(
                    'create or replace view %s.%I with (security_invoker = true) as %s',
                    bound.schema_name,
                    bound.relname,
                    replace(bound.definition, '{{ this.identifier }}__dbt_backup', '{{ this.identifier }}')
                );
            exception
                when undefined_column or invalid_table_definition or undefined_function or datatype_mismatch then
                    raise notice 'The view % no longer fits and is made anew.', bound.relname;
            end;
        end loop;
    end;
    $rebind$
    {%- endif -%}
{%- endmacro %}
