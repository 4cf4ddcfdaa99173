{#-
A test as one query. The built-in materialization opens a transaction, makes the query of five macros, and writes it to a file
beside the compiled one, which costs as much as the query on little data. It could also keep failed rows in a table, or count
up to a limit: nothing here asks for that.
-#}
{% materialization test, adapter='duckdb' %}
    {%- set failures = config.get('fail_calc') -%}
    {%- set counted -%}
        select
            {{ failures }} as failures,
            {{ failures }} {{ config.get('warn_if') }} as should_warn,
            {{ failures }} {{ config.get('error_if') }} as should_error
        from (
            {{ sql }}
        ) as found
    {%- endset -%}
    {%- set response, table = adapter.execute(counted, auto_begin=false, fetch=true) -%}
    {%- do store_result('main', response=response, agate_table=table) -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}
