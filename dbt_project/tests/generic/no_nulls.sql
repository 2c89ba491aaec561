{#- None of the columns holds a null. One test for a model, because each test costs a tick several milliseconds. -#}
{% test no_nulls(model, columns) %}
select
    {{ columns | join(',\n    ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
