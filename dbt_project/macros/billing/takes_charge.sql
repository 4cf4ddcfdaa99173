{#- Whether a rule of tco.yml takes a charge, apart from the purpose of its calls; null in a rule is anything. -#}
{% macro takes_charge(rules, charges) -%}
{{ charges }}.usage_date >= {{ rules }}.valid_from
and {{ charges }}.usage_date < {{ rules }}.valid_to
{%- for name in [
    'service_provider', 'billing_account_id', 'billing_scope_id', 'host', 'model', 'meter', 'charge_category',
] %}
and ({{ rules }}.{{ name }} is null or {{ rules }}.{{ name }} = {{ charges }}.{{ name }})
{%- endfor %}
{%- endmacro %}
