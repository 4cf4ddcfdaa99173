with charges as (

    select * from {{ ref('fct_charges') }}

),

lined as (

    select * from {{ ref('int_tco_charges') }}

),

rules as (

    select * from {{ ref('stg_config__tco_charge_rules') }}
    where purpose is not null

),

call_sums as (

    select * from {{ ref('int_charge_calls') }}

),

allocations as (

    select * from {{ ref('int_allocations') }}

),

purposes as (

    select distinct purpose
    from rules

),

call_amounts as (

    select
        case when call_sums.is_metered then 'usage:' || call_sums.group_id else call_sums.group_id end as charge_id,
        call_sums.purpose,
        call_sums.tenant_id <> 'unattributed' as is_direct,
        call_sums.product_id,
        call_sums.effective_amount_usd
    from call_sums
    inner join purposes
        on call_sums.purpose = purposes.purpose

),

-- Calls of a tenant stay with their product; of what rules share out every part has the calls' part of it.
purpose_amounts as (

    select
        charge_id,
        purpose,
        is_direct,
        case when is_direct then product_id else '' end as called_product_id,
        cast(sum(effective_amount_usd) as decimal(26, 12)) as purpose_usd
    from call_amounts
    group by charge_id, purpose, is_direct, case when is_direct then product_id else '' end

),

taken as (

    select
        purpose_amounts.charge_id,
        purpose_amounts.is_direct,
        purpose_amounts.called_product_id,
        rules.rule_id,
        rules.line,
        rules.category,
        rules.product_id as rule_product_id,
        cast(sum(purpose_amounts.purpose_usd) as decimal(26, 12)) as purpose_usd
    from purpose_amounts
    inner join charges
        on purpose_amounts.charge_id = charges.charge_id
    inner join rules
        on
            purpose_amounts.purpose = rules.purpose
            and {{ takes_charge('rules', 'charges') | indent(12) }}
    group by
        purpose_amounts.charge_id, purpose_amounts.is_direct, purpose_amounts.called_product_id, rules.rule_id, rules.line,
        rules.category, rules.product_id

),

taken_charges as (

    select distinct charge_id
    from taken

),

ledger as (

    select
        allocations.charge_id,
        allocations.usage_date,
        allocations.product_id,
        allocations.method = 'direct' and allocations.rule_version = '0' as is_direct,
        cast(sum(allocations.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from allocations
    inner join taken_charges
        on allocations.charge_id = taken_charges.charge_id
    group by
        allocations.charge_id, allocations.usage_date, allocations.product_id,
        allocations.method = 'direct' and allocations.rule_version = '0'

),

called as (

    select
        *,
        case when is_direct then product_id else '' end as called_product_id
    from ledger

),

totalled as (

    select
        *,
        cast(
            sum(effective_amount_usd) over (partition by charge_id, is_direct, called_product_id) as decimal(26, 12)
        ) as total_usd
    from called

),

parts as (

    select
        totalled.charge_id,
        totalled.usage_date,
        totalled.product_id,
        taken.line,
        taken.category,
        taken.rule_product_id,
        coalesce(
            {{ divide_exact('totalled.effective_amount_usd', 'taken.purpose_usd', 'totalled.total_usd', weight_places=12) }}, 0
        ) as amount_usd
    from totalled
    inner join taken
        on
            totalled.charge_id = taken.charge_id
            and totalled.is_direct = taken.is_direct
            and totalled.called_product_id = taken.called_product_id

),

-- Into the rule's line, and out of the one the charge is in.
moves as (

    select
        parts.charge_id,
        parts.usage_date,
        coalesce(parts.rule_product_id, parts.product_id) as product_id,
        parts.line,
        parts.category,
        lined.is_gpu,
        lined.carries_load,
        parts.amount_usd as effective_amount_usd
    from parts
    inner join lined
        on parts.charge_id = lined.charge_id

    union all

    select
        parts.charge_id,
        parts.usage_date,
        coalesce(lined.rule_product_id, parts.product_id) as product_id,
        lined.line,
        lined.category,
        lined.is_gpu,
        lined.carries_load,
        -parts.amount_usd as effective_amount_usd
    from parts
    inner join lined
        on parts.charge_id = lined.charge_id

)

select * from moves
