{#- What a contract term is paid with is no cost: its usage and its shortfall are. True where the line's account has a term. -#}
{% macro pays_a_term(lines, terms) -%}
exists (
    select 1
    from {{ terms }}
    where
        {{ terms }}.service_provider = {{ lines }}.service_provider
        and coalesce({{ terms }}.billing_account_id, {{ lines }}.billing_account_id) = {{ lines }}.billing_account_id
)
{%- endmacro %}
