{#- Several columns in one query: a test of its own for each costs a build more than all else it does on little data. -#}
{% test never_null(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
