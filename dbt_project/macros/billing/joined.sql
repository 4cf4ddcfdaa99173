{#- Aggregate: the texts of a group, one after another in this order. -#}
{% macro joined(text, order) %}
{{- return(adapter.dispatch('joined', 'inferledger')(text, order)) -}}
{% endmacro %}

{% macro duckdb__joined(text, order) -%}
string_agg({{ text }}, '' order by {{ order }})
{%- endmacro %}

{% macro spark__joined(text, order) -%}
listagg({{ text }}, '') within group (order by {{ order }})
{%- endmacro %}
