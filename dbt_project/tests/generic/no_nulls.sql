{#-
  None of the columns holds a null. Raw's own constraints keep them out and the models' code adds none, so ticks leave it
  to full builds, which come with every change of the code, and to whoever asks for it.
-#}
{% test no_nulls(model, columns) %}
{{ config(tags=['nightly']) }}
select
    {{ columns | join(',\n    ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
