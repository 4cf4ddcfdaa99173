{#- A relation by schema and name alone: a view of the marts is read in a copy of their file, whose name is another. -#}
{% macro within_database(relation) %}
{{- return(relation.include(database=false)) -}}
{% endmacro %}
