{#- What kind of cost a part is to who carries it. -#}
{% macro cost_component(target_type, method, charge_category) -%}
case
    when {{ target_type }} = 'unattributed' and {{ method }} <> 'unattributed' then 'unattributed'
    when {{ charge_category }} = 'gpu_idle' then 'idle'
    when {{ target_type }} = 'unattributed' then 'unattributed'
    when {{ method }} = 'direct' then 'direct'
    else 'shared'
end
{%- endmacro %}
