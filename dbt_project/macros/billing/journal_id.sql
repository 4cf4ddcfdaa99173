{#- At most 21 characters with the number of a part, which is what QuickBooks takes. -#}
{% macro journal_id(posting_period, kind) -%}
'IL-' || replace({{ posting_period }}, '-', '') || '-'
|| substr(md5(service_provider || ':' || billing_account_id || ':' || {{ kind }}), 1, 8)
{%- endmacro %}
