{#- amount x weight / total, truncated to the amount's last decimal place: decimal / decimal is a double on DuckDB. Amounts have
`amount_places` decimals, weight and total at most `weight_places`. Null where total is 0. -#}
{% macro divide_exact(amount, weight, total, amount_places=12, weight_places=8) %}
{{- return(adapter.dispatch('divide_exact', 'inferledger')(amount, weight, total, amount_places, weight_places)) -}}
{% endmacro %}

{% macro duckdb__divide_exact(amount, weight, total, amount_places, weight_places) -%}
{%- set unit = '1' ~ '0' * amount_places -%}
{%- set smallest = '0.' ~ '0' * (amount_places - 1) ~ '1' if amount_places else '1' -%}
{%- set part = 'cast(cast(' ~ weight ~ ' as decimal(30, ' ~ weight_places ~ ')) * 1' ~ '0' * weight_places ~ ' as hugeint)' -%}
{%- set whole = 'cast(cast(' ~ total ~ ' as decimal(30, ' ~ weight_places ~ ')) * 1' ~ '0' * weight_places ~ ' as hugeint)' -%}
cast(cast((cast({{ amount }} * {{ unit }} as hugeint) * {{ part }}) // nullif({{ whole }}, 0) as decimal(26, 0)) * {{ smallest }} as decimal(26, {{ amount_places }}))
{%- endmacro %}

{% macro spark__divide_exact(amount, weight, total, amount_places, weight_places) -%}
{%- set product = spark_in_units(amount, amount_places) ~ ' * ' ~ spark_in_units(weight, weight_places) -%}
{{ spark_from_units(spark_whole_quotient(product, spark_in_units(total, weight_places)), amount_places) }}
{%- endmacro %}
