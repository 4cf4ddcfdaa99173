{#- amount x weight / total, truncated to whole pico-dollars: decimal / decimal is a double on DuckDB. Weight and total
have at most 8 decimals. Null where total is 0. -#}
{% macro divide_exact(amount, weight, total) %}
{{- return(adapter.dispatch('divide_exact', 'inferledger')(amount, weight, total)) -}}
{% endmacro %}

{% macro duckdb__divide_exact(amount, weight, total) -%}
cast(cast((cast({{ amount }} * 1000000000000 as hugeint) * cast(cast({{ weight }} as decimal(30, 8)) * 100000000 as hugeint)) // nullif(cast(cast({{ total }} as decimal(30, 8)) * 100000000 as hugeint), 0) as decimal(26, 0)) * 0.000000000001 as decimal(26, 12))
{%- endmacro %}
