{#- What is said of a part, apart from its key, which is a hash of it, and its share, which follows from the amounts. -#}
{%- set said = [
    'charge_id', 'posting_period', 'invoice_id', 'service_provider', 'billing_account_id', 'host', 'model', 'charge_category',
    'target_type', 'target_id', 'tenant_id', 'product_id', 'feature_id', 'environment', 'plan', 'cost_center', 'cost_nature',
    'rule_id', 'rule_version', 'through_rules', 'method', 'cost_component', 'basis_quantity', 'amount_usd',
    'effective_amount_usd', 'status', 'is_of_closed_period',
] -%}
with allocations as (

    {{ allocations_of(ref('fct_allocation_parts'), ref('dim_allocation_shares'), ref('dim_shared_cost_natures'), 'true') }}

),

closed_allocations as (

    select * from {{ ref('stg_accounting__closed_allocations') }}

),

markups as (

    select * from {{ ref('stg_config__markups') }}

),

disputes as (

    select * from {{ ref('stg_config__disputes') }}

),

-- A day whose parts are gone has the closed postings, and what corrects them.
hashed as (

    select
        usage_date,
        1 as parts,
        cast({{ row_hash(said | join(', ')) }} as decimal(38, 0)) as part_hash
    from allocations
    union all
    select distinct
        usage_date,
        0 as parts,
        cast(0 as decimal(38, 0)) as part_hash
    from closed_allocations

),

-- What decides about the lines of every day.
said_of_all as (

    select {{ row_hash('part_id, posting_period, usage_date, amount_usd, effective_amount_usd') }} as row_hash
    from closed_allocations
    union all
    select {{ row_hash('tenant_id, plan, price_factor, valid_from, valid_to') }} as row_hash
    from markups
    union all
    select
        {{ row_hash('chargeback_line_id, tenant_id, posting_period, service_provider, dispute_status') }}
            as row_hash
    from disputes

),

summed_of_all as (

    select cast(coalesce(sum(cast(row_hash as decimal(38, 0))), 0) as decimal(38, 0)) as hashes_of_all
    from said_of_all

),

days as (

    select
        hashed.usage_date,
        summed_of_all.hashes_of_all,
        cast(sum(hashed.parts) as bigint) as parts,
        cast(sum(hashed.part_hash) as decimal(38, 0)) as part_hashes
    from hashed
    cross join summed_of_all
    group by hashed.usage_date, summed_of_all.hashes_of_all

)

select * from days
