{#- Of decimals of six decimals, the value that 95 % of them do not exceed, between the two nearest in proportion. -#}
{% macro percentile_95(quantity) %}
{{- return(adapter.dispatch('percentile_95', 'inferledger')(quantity)) -}}
{% endmacro %}

{% macro default__percentile_95(quantity) -%}
percentile_cont(0.95) within group (order by {{ quantity }})
{%- endmacro %}

{#- Spark's own goes through doubles, which hold no memory in bytes to six decimals. -#}
{% macro spark__percentile_95(quantity) -%}
{%- set all = 'sort_array(collect_list(' ~ quantity ~ '))' -%}
{%- set place = '(count(' ~ quantity ~ ') - 1) * 0.95' -%}
{%- set below = 'get(' ~ all ~ ', cast(floor(' ~ place ~ ') as int))' -%}
{%- set above = 'get(' ~ all ~ ', cast(ceil(' ~ place ~ ') as int))' -%}
{{ below }} + ({{ above }} - {{ below }}) * cast({{ place }} - floor({{ place }}) as decimal(3, 2))
{%- endmacro %}

{#- The same of values that stand for so many each: exactly what percentile_cont says of them one by one. -#}
{% macro percentile_95_counted(quantity, number) %}
{{- return(adapter.dispatch('percentile_95_counted', 'inferledger')(quantity, number)) -}}
{% endmacro %}

{% macro default__percentile_95_counted(quantity, number) -%}
list_aggregate(flatten(list(repeat([{{ quantity }}], {{ number }}))), 'quantile_cont', 0.95)
{%- endmacro %}

{% macro spark__percentile_95_counted(quantity, number) -%}
percentile({{ quantity }}, 0.95, {{ number }})
{%- endmacro %}
