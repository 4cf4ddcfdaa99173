{#- One lake table: every committed file of it, and its zero-row schema file. Naming the source gives the lineage. -#}
{% macro raw(feed, table) %}
{%- do source(feed, table) -%}
{{- return(adapter.dispatch('raw', 'inferledger')(feed, table)) -}}
{% endmacro %}

{% macro duckdb__raw(feed, table) -%}
read_parquet('{{ env_var("INFERLEDGER_LAKE") }}/{{ feed }}/{{ table }}/*.parquet', union_by_name = true)
{%- endmacro %}

{#- As a table of the model that reads it: Spark would look into every file for their columns wherever the path is named. -#}
{% macro spark__raw(feed, table) -%}
{%- set files = 'lake__' ~ model.name ~ '__' ~ feed ~ '__' ~ table -%}
{%- if execute -%}
    {%- do run_query('drop table if exists ' ~ target.schema ~ '.' ~ files) -%}
    {%- do run_query(
        'create table ' ~ target.schema ~ '.' ~ files ~ " using parquet options (mergeSchema 'true', path '"
        ~ env_var('INFERLEDGER_LAKE') ~ '/' ~ feed ~ '/' ~ table ~ "')"
    ) -%}
{%- endif -%}
{{ target.schema }}.{{ files }}
{%- endmacro %}
