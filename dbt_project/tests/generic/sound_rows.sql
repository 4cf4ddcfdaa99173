{#-
A key, columns that are never null and closed lists, in one look: to plan one at what all gateways logged, past a lake file
for each of their files, takes longer than to answer it on little data.
-#}
{% test sound_rows(model, key, never_null=[], accepted_values={}) %}
{%- set broken = [] -%}
{%- for column in never_null -%}
    {%- do broken.append(column ~ ' is null') -%}
{%- endfor -%}
{%- for column, values in accepted_values.items() -%}
    {%- do broken.append(column ~ ' not in (' ~ (values | map('tojson') | join(', ') | replace('"', "'")) ~ ')') -%}
{%- endfor -%}
select {{ key | join(', ') }}
from {{ model }}
group by {{ key | join(', ') }}
having
    count(*) > 1
    or count(case when {{ (broken or ['false']) | join(' or ') }} then 1 end) > 0
{% endtest %}
