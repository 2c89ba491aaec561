{#- The condition is true for every row. -#}
{% test holds(model, condition) %}
select 1 as broken
from {{ model }}
where ({{ condition }}) is not true
{% endtest %}
