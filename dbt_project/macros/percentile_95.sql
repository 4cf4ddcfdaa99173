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

{#-
    The same of values that stand for so many each: exactly what percentile_cont says of them one by one. `up_to` counts
    those of a value and all below it, `of_all` those of the group.
-#}
{% macro percentile_95_counted(quantity, number, up_to, of_all) %}
{{- return(adapter.dispatch('percentile_95_counted', 'inferledger')(quantity, number, up_to, of_all)) -}}
{% endmacro %}

{#- DuckDB interpolates whole millionths through a double and cuts off what is below one. -#}
{% macro default__percentile_95_counted(quantity, number, up_to, of_all) -%}
{%- set place = 'cast(' ~ of_all ~ ' - 1 as double) * cast(0.95 as double)' -%}
{%- set below = 'min(case when ' ~ up_to ~ ' > floor(' ~ place ~ ') then ' ~ quantity ~ ' end)' -%}
{%- set above = 'min(case when ' ~ up_to ~ ' > ceil(' ~ place ~ ') then ' ~ quantity ~ ' end)' -%}
{{ below }} + cast(floor(
    max({{ place }} - floor({{ place }})) * cast(cast(({{ above }} - {{ below }}) * 1000000 as bigint) as double)
) as decimal(20, 0)) * 0.000001
{%- endmacro %}

{% macro spark__percentile_95_counted(quantity, number, up_to, of_all) -%}
percentile({{ quantity }}, 0.95, {{ number }})
{%- endmacro %}
