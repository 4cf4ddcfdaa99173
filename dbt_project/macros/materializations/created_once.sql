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
    {{ drop_relation_if_exists(load_cached_relation(relation)) }}
    {%- call statement('main') %}
        {{ create_table_as(false, relation, sql) if relation.is_table else create_view_as(relation, sql) }}
    {%- endcall %}
    {{ adapter.commit() }}
    {{ return({'relations': [relation]}) }}
{% endmacro %}
