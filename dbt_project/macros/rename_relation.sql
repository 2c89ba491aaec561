{#-
  Before a table gives way to a new one, all views that read it are locked, those that others read after the others: the
  way a reader comes too, or the two would wait for each other. The order is the same for all tables, for two of them are
  made at once. `lock table` would lock what a view reads along with it; setting what is set already locks the view alone.
-#}
{% macro postgres__rename_relation(from_relation, to_relation) -%}
    {%- if to_relation.identifier.endswith('__dbt_backup') -%}
        {%- call statement('lock_views') -%}
        do $lock$
        declare
            bound record;
        begin
            for bound in
                with recursive uses (reader, read) as (
                    select distinct
                        rules.ev_class,
                        depends.refobjid
                    from pg_depend as depends
                    inner join pg_rewrite as rules on depends.objid = rules.oid
                    inner join pg_class as views on rules.ev_class = views.oid
                    where
                        depends.classid = 'pg_rewrite'::regclass
                        and depends.refclassid = 'pg_class'::regclass
                        and views.relkind = 'v'
                        and views.oid <> depends.refobjid
                        and pg_has_role(views.relowner, 'usage')
                ),
                levels (reader, level) as (
                    select reader, 1 from uses
                    union
                    select uses.reader, levels.level + 1
                    from levels
                    inner join uses on levels.reader = uses.read
                ),
                readers (reader) as (
                    select reader
                    from uses
                    where read = to_regclass('{{ from_relation.schema }}.{{ from_relation.identifier }}')
                    union
                    select uses.reader
                    from readers
                    inner join uses on readers.reader = uses.read
                )
                select readers.reader::regclass::text as name
                from readers
                inner join levels on readers.reader = levels.reader
                group by readers.reader
                order by max(levels.level) desc, name
            loop
                execute format('alter view %s set (security_invoker = true)', bound.name);
            end loop;
        end;
        $lock$
        {%- endcall -%}
    {%- endif -%}
    {{ return(dbt.default__rename_relation(from_relation, to_relation)) }}
{%- endmacro %}
