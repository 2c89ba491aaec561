{#-
  A title or name as matching compares it: letters and digits only, lower case, in Unicode's composed compatibility form.
  Null where nothing of it is left.
-#}
{% macro normalized(text) -%}
    nullif(regexp_replace(lower(normalize({{ text }}, nfkc)), '[^[:alnum:]]+', '', 'g'), '')
{%- endmacro %}
