{#-
  A title as recordings compare it: like `normalized`, and without the guests that some releases name in it.
-#}
{% macro recording_title(text) -%}
    {%- set guests = '[[(][[:space:]]*(feat|ft|with)[. ][^])]*[])]|[[:space:]]-[[:space:]](feat|ft)[. ].*$' -%}
    {{ normalized("regexp_replace(" ~ text ~ ", '" ~ guests ~ "', '', 'gi')") }}
{%- endmacro %}
