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
