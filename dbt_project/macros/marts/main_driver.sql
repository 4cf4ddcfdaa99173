{#- The name of the effect with the largest amount either way, the first of equals; null where all are 0. -#}
{% macro main_driver(effects) -%}
case
    greatest({% for effect in effects %}abs({{ effect }}_usd){{ ', ' if not loop.last }}{% endfor %})
    when 0 then null
    {%- for effect in effects %}
    when abs({{ effect }}_usd) then '{{ effect }}'
    {%- endfor %}
end
{%- endmacro %}
