{#- What of a node's cost its GPUs, CPUs or memory carry, by the weights of `node_days`; the three are all of it, to the pico-dollar. -#}
{% macro price_part(cost_usd, resource, node_days='node_days') -%}
{%- set ends = namespace(before='0', at='0', all='0') -%}
{%- for name in ['gpus', 'vcpus', 'memory'] -%}
{%- if name == resource %}{% set ends.before = ends.all %}{% endif -%}
{%- set ends.all = ends.all ~ ' + ' ~ node_days ~ '.' ~ name ~ '_weight' -%}
{%- if name == resource %}{% set ends.at = ends.all %}{% endif -%}
{%- endfor -%}
{{ due_between(cost_usd, ends.before, ends.at, ends.all) }}
{%- endmacro %}
