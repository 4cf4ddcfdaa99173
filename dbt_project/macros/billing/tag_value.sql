{#- The value of a tag in a bill line's tags, a JSON object; null where they have none of the name, or are no JSON. -#}
{% macro tag_value(tags, name) %}
{{- return(adapter.dispatch('tag_value', 'inferledger')(tags, name)) -}}
{% endmacro %}

{% macro duckdb__tag_value(tags, name) -%}
try(json_extract_string({{ tags }}, '$."' || {{ name }} || '"'))
{%- endmacro %}

{% macro spark__tag_value(tags, name) -%}
get_json_object({{ tags }}, '$[\'' || {{ name }} || '\']')
{%- endmacro %}
