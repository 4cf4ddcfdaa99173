{#- Whether a settings row names a model: the whole of it, or how it begins. A row that names none, names all. -#}
{% macro is_model_named(model, row) -%}
(
    {{ row }}.model_prefix is null
    or ({{ row }}.is_whole_model and {{ row }}.model_prefix = {{ model }})
    or (not {{ row }}.is_whole_model and substr({{ model }}, 1, length({{ row }}.model_prefix)) = {{ row }}.model_prefix)
)
{%- endmacro %}
