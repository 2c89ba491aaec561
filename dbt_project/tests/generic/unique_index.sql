{#- A unique index keeps rows apart that share the given columns. What it guards need not be counted. -#}
{% test unique_index(model, columns) %}
{{ config(tags=['nightly']) }}
select 'no such index' as missing
where
    not exists (
        select 1
        from pg_index as indexes
        where
            indexes.indrelid = '{{ model }}'::regclass
            and indexes.indisunique
            and indexes.indisvalid
            and indexes.indpred is null
            and (
                select array_agg(columns.attname::text order by columns.attname)
                from pg_attribute as columns
                where
                    columns.attrelid = indexes.indrelid
                    and columns.attnum = any(indexes.indkey)
            ) = array['{{ columns | sort | join("', '") }}']
    )
{% endtest %}
