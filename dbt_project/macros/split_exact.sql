{#-
An amount of 12 decimals split by whole-numbered weights, each part rounded so that all of them add up to the amount: a part is
what is due up to the end of its weight less what is due up to its beginning. `pico_quotient` and `pico_remainder` are of
the amount by the total weight, so that no product exceeds 38 digits while the total is below 10^19.
-#}
{% macro pico_quotient(amount, total) %}
{{- return(adapter.dispatch('pico_quotient', 'inferledger')(amount, total)) -}}
{% endmacro %}

{% macro pico_remainder(amount, total) %}
{{- return(adapter.dispatch('pico_remainder', 'inferledger')(amount, total)) -}}
{% endmacro %}

{% macro split_exact(quotient, remainder, begins_at, ends_at, total) %}
{{- return(adapter.dispatch('split_exact', 'inferledger')(quotient, remainder, begins_at, ends_at, total)) -}}
{% endmacro %}

{#- Of two whole numbers, without the fraction; below 10^13. -#}
{% macro divide_whole(dividend, divisor) %}
{{- return(adapter.dispatch('divide_whole', 'inferledger')(dividend, divisor)) -}}
{% endmacro %}

{% macro duckdb__pico_quotient(amount, total) -%}
cast({{ amount }} * 1000000000000 as hugeint) // nullif(cast({{ total }} as hugeint), 0)
{%- endmacro %}

{% macro duckdb__pico_remainder(amount, total) -%}
cast({{ amount }} * 1000000000000 as hugeint) % nullif(cast({{ total }} as hugeint), 0)
{%- endmacro %}

{% macro duckdb__split_exact(quotient, remainder, begins_at, ends_at, total) -%}
{%- set from = 'cast(' ~ begins_at ~ ' as hugeint)' -%}
{%- set to = 'cast(' ~ ends_at ~ ' as hugeint)' -%}
{%- set all = 'cast(' ~ total ~ ' as hugeint)' -%}
cast(cast({{ quotient }} * ({{ to }} - {{ from }}) + ({{ remainder }} * {{ to }}) // {{ all }} - ({{ remainder }} * {{ from }}) // {{ all }} as decimal(26, 0)) * 0.000000000001 as decimal(26, 12))
{%- endmacro %}

{% macro duckdb__divide_whole(dividend, divisor) -%}
cast(cast({{ dividend }} as hugeint) // nullif(cast({{ divisor }} as hugeint), 0) as decimal(13, 0))
{%- endmacro %}
