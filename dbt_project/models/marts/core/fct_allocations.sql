{{ config(materialized='view') }}
{%- do comes_after('int_allocation_days') -%}
{#- What describes a posting, apart from what corrects it. -#}
{%- set described = [
    'charge_id', 'week_start', 'invoice_id', 'service_provider', 'billing_account_id', 'host', 'model',
    'charge_category', 'target_type', 'target_id', 'tenant_id', 'product_id', 'feature_id', 'environment', 'plan',
    'cost_center', 'cost_nature', 'rule_id', 'rule_version', 'through_rules', 'method', 'cost_component',
    'basis_quantity', 'share',
] -%}
with open_allocations as (
    {{ allocations_of(
        within_database(ref('fct_allocation_parts')), within_database(ref('dim_allocation_shares')),
        within_database(ref('dim_shared_cost_natures')), 'not is_of_closed_period'
    ) }}
),

closed_allocations as (

    select * from {{ within_database(ref('fct_closed_allocations')) }}

),

postings as (

    select
        allocation_id,
        posting_period,
        usage_date,
        {%- for name in described %}
        {{ name }},
        {%- endfor %}
        amount_usd,
        effective_amount_usd,
        status,
        status as posted_status,
        cast(null as {{ dbt.type_string() }}) as corrects_id
    from open_allocations

    union all

    select
        allocation_id,
        posting_period,
        usage_date,
        {%- for name in described %}
        {{ name }},
        {%- endfor %}
        amount_usd,
        effective_amount_usd,
        status,
        posted_status,
        corrects_id
    from closed_allocations

)

select * from postings
