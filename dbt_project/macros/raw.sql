{#- One lake table: every committed file of it, and its zero-row schema file. Naming the source gives the lineage. -#}
{% macro raw(feed, table) %}
{%- do source(feed, table) -%}
{{- return(adapter.dispatch('raw', 'inferledger')(feed, table)) -}}
{% endmacro %}

{% macro duckdb__raw(feed, table) -%}
read_parquet('{{ env_var("INFERLEDGER_LAKE") }}/{{ feed }}/{{ table }}/*.parquet', union_by_name = true)
{%- endmacro %}

{% macro spark__raw(feed, table) -%}
parquet.`{{ env_var("INFERLEDGER_LAKE") }}/{{ feed }}/{{ table }}`
{%- endmacro %}
