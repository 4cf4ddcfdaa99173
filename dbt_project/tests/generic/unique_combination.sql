{% test unique_combination(model, columns) %}
{{ rows_that_repeat(model, columns) }}
{% endtest %}
