{#- Of two whole numbers below 10^38, the second above 0: how often it goes into the first, rounded up or down. -#}
{% macro ceil_quotient(dividend, divisor) %}
{{- return(adapter.dispatch('ceil_quotient', 'inferledger')(dividend, divisor)) -}}
{% endmacro %}

{% macro floor_quotient(dividend, divisor) %}
{{- return(adapter.dispatch('floor_quotient', 'inferledger')(dividend, divisor)) -}}
{% endmacro %}

{% macro duckdb__ceil_quotient(dividend, divisor) -%}
cast((cast({{ dividend }} as hugeint) + cast({{ divisor }} as hugeint) - 1) // nullif(cast({{ divisor }} as hugeint), 0) as decimal(30, 0))
{%- endmacro %}

{% macro duckdb__floor_quotient(dividend, divisor) -%}
cast(cast({{ dividend }} as hugeint) // nullif(cast({{ divisor }} as hugeint), 0) as decimal(30, 0))
{%- endmacro %}

{% macro spark__ceil_quotient(dividend, divisor) -%}
cast({{ spark_whole_quotient('(' ~ dividend ~ ') + (' ~ divisor ~ ') - 1', divisor) }} as decimal(30, 0))
{%- endmacro %}

{% macro spark__floor_quotient(dividend, divisor) -%}
cast({{ spark_whole_quotient(dividend, divisor) }} as decimal(30, 0))
{%- endmacro %}
