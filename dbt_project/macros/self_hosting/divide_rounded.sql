{#- amount x weight / total, rounded half away from zero to the amount's last decimal place, where divide_exact cuts: for prices
and ratios that are read, not for parts that have to add up. Total above 0; null where it is 0. -#}
{% macro divide_rounded(amount, weight, total, amount_places=12, weight_places=8) %}
{{- return(adapter.dispatch('divide_rounded', 'inferledger')(amount, weight, total, amount_places, weight_places)) -}}
{% endmacro %}

{% macro duckdb__divide_rounded(amount, weight, total, amount_places, weight_places) -%}
{%- set unit = '1' ~ '0' * amount_places -%}
{%- set smallest = '0.' ~ '0' * (amount_places - 1) ~ '1' if amount_places else '1' -%}
{%- set part = 'cast(cast(' ~ weight ~ ' as decimal(30, ' ~ weight_places ~ ')) * 1' ~ '0' * weight_places ~ ' as hugeint)' -%}
{%- set whole = 'cast(cast(' ~ total ~ ' as decimal(30, ' ~ weight_places ~ ')) * 1' ~ '0' * weight_places ~ ' as hugeint)' -%}
{%- set product = 'cast(' ~ amount ~ ' * ' ~ unit ~ ' as hugeint) * ' ~ part -%}
cast(cast(({{ product }} + case when {{ amount }} < 0 then -1 else 1 end * ({{ whole }} // 2)) // nullif({{ whole }}, 0) as decimal(26, 0)) * {{ smallest }} as decimal(26, {{ amount_places }}))
{%- endmacro %}

{% macro spark__divide_rounded(amount, weight, total, amount_places, weight_places) -%}
{%- set whole = spark_in_units(total, weight_places) -%}
{%- set half = spark_whole_quotient(whole, '2') -%}
{%- set product = spark_in_units(amount, amount_places) ~ ' * ' ~ spark_in_units(weight, weight_places) -%}
{%- set raised = product ~ ' + case when ' ~ amount ~ ' < 0 then -1 else 1 end * ' ~ half -%}
{{ spark_from_units(spark_whole_quotient(raised, whole), amount_places) }}
{%- endmacro %}
