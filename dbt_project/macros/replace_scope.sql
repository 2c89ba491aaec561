{#-
  Incremental strategy: what the model selected takes the place of every row in scope, so that rows whose reason has
  vanished vanish too. Rows that stay as they are are not rewritten. One statement batch in dbt's one transaction: readers
  see all of it or none.
-#}
{% macro get_incremental_replace_scope_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set fresh = arg_dict['temp_relation'] -%}
    {%- set keys = arg_dict['unique_key'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}
    {%- set scope = config.get('meta', {}).get('scope') -%}

    create unique index on {{ fresh }} ({{ keys | join(', ') }});
    analyze {{ fresh }};

    delete from {{ target }} as stored
    using {{ rows_in_scope(target, scope) }} as in_scope
    where
        {% for key in keys -%}
        stored.{{ key }} = in_scope.{{ key }} and
        {% endfor -%}
        not exists (
            select 1
            from {{ fresh }} as fresh
            where
                {% for key in keys -%}
                fresh.{{ key }} = in_scope.{{ key }} and
                {% endfor -%}
                ({% for column in columns %}fresh.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
                is not distinct from
                ({% for column in columns %}in_scope.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
        );

    insert into {{ target }} ({{ columns | join(', ') }})
    select {% for column in columns %}fresh.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ fresh }} as fresh
    where not exists (
        select 1
        from {{ target }} as stored
        where
            {% for key in keys -%}
            stored.{{ key }} = fresh.{{ key }}{{ ' and' if not loop.last }}
            {% endfor %}
    )
{%- endmacro %}
