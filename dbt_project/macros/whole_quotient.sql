{#- On Spark, of two whole numbers below 10^38, the first divided by the second and cut: its `div` returns a bigint and wraps. Below
10^32; null where the second is 0. -#}
{% macro spark_whole_quotient(dividend, divisor) -%}
{%- set a = 'cast(' ~ dividend ~ ' as decimal(38, 0))' -%}
{%- set b = 'nullif(cast(' ~ divisor ~ ' as decimal(38, 0)), 0)' -%}
cast(({{ a }} - {{ a }} % {{ b }}) / {{ b }} as decimal(38, 0))
{%- endmacro %}

{#- On Spark, a decimal of `places` decimals as the whole number of its smallest units. -#}
{% macro spark_in_units(amount, places) -%}
cast(cast({{ amount }} as decimal({{ 26 if places > 8 else 30 }}, {{ places }})) * 1{{ '0' * places }} as decimal(38, 0))
{%- endmacro %}

{#- On Spark, a whole number as so many units of the last of `places` decimals; of at most 25 digits, since a product of more than 37
would cost decimals. -#}
{% macro spark_from_units(units, places) -%}
cast(cast({{ units }} as decimal({{ [25, 37 - places] | min }}, 0)) * {{ '0.' ~ '0' * (places - 1) ~ '1' if places else '1' }} as decimal(26, {{ places }}))
{%- endmacro %}
