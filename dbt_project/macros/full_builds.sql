{#- A full build sorts and groups all there is: in memory rather than on disk. -#}
{% macro room_for_all_rows() -%}
    {%- if flags.FULL_REFRESH and config.get('materialized') != 'view' -%} set local work_mem = '128MB'; set local maintenance_work_mem = '256MB' {%- endif -%}
{%- endmacro %}

{#- What comes after it in the same build has to be planned for a full table, not for an empty one. -#}
{% macro note_what_it_holds() -%}
    {%- if flags.FULL_REFRESH and config.get('materialized') != 'view' -%} analyze {{ this }} {%- endif -%}
{%- endmacro %}
