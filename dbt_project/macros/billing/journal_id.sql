{#- At most 21 characters with the number of a part, which is what QuickBooks takes. -#}
{% macro journal_id(posting_period, kind) -%}
'IL-' || replace({{ posting_period }}, '-', '') || '-'
|| substr(md5(service_provider || ':' || billing_account_id || ':' || {{ kind }}), 1, 8)
{%- endmacro %}
{#- Which journal a posting goes to, and which kind of line it is there. -#}
{% macro journal_kind() -%}
case
            when corrects_id is not null then 'correction'
            when charge_category = 'credit' then 'credit_memo'
            when posted_status = 'estimated' then 'accrual'
            else 'chargeback'
        end
{%- endmacro %}
{% macro journal_line_type() -%}
case when charge_category = 'fx' then 'fx' else 'expense' end
{%- endmacro %}
