{#-
Tables and views made under their own name. The built-in materializations build beside the old relation and rename twice,
for readers of a database that stays; here every build starts from an empty file that nobody reads.
-#}
{% materialization table, adapter='duckdb' %}
    {{ return(created_once(this.incorporate(type='table'))) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(created_once(this.incorporate(type='view'))) }}
{% endmaterialization %}

{% macro created_once(relation) %}
    {%- if target.type == 'duckdb' and env_var('INFERLEDGER_BUILD', 'full') == 'loaded' -%}
        {{- return(loaded(relation)) -}}
    {%- endif -%}
    {%- set before = load_cached_relation(relation) -%}
    {%- if before and target.type != 'duckdb' -%}
        {%- do adapter.drop_relation(before) -%}
    {%- endif -%}
    {%- call statement('main') %}
        {#- In one go: dbt would make its whole context of macros anew for the other. -#}
        {%- if before and target.type == 'duckdb' %}
        drop {{ before.type }} {{ before }};
        {%- endif %}
        {{ create_table_as(false, relation, of_calls_that_are_there(sql)) if relation.is_table else create_view_as(relation, sql) }}
    {%- endcall %}
    {%- do insert_kept(relation) -%}
    {{ adapter.commit() }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}

{#-
After a build on Spark: marts are copied from the Parquet it wrote, and have to be what their contracts say; what they were made
of is read where it lies; views of staging and marts are DuckDB's own.
-#}
{% macro loaded(relation) %}
    {%- set is_between = 'intermediate' in model.fqn -%}
    {%- set rows = "select * from read_parquet('" ~ env_var('INFERLEDGER_WAREHOUSE') ~ '/spark/' ~ model.alias ~ "/*.parquet')" -%}
    {%- call statement('main') %}
        {{ create_view_as(relation, rows if is_between else sql) if is_between or relation.is_view else create_table_as(false, relation, rows) }}
    {%- endcall %}
    {{ adapter.commit() }}
    {{ return({'relations': [relation.incorporate(type='view' if is_between else relation.type)]}) }}
{% endmacro %}
