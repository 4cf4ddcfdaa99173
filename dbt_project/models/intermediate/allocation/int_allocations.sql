with parts as (

    select * from {{ ref('int_charges_allocated') }}

),

charges as (

    select * from {{ ref('fct_charges') }}

),

-- Calls and what went past the gateway can both end unattributed under one charge: one row each, by method and reason.
summed as (

    select
        charge_id,
        coalesce(rule_id, 'direct') as rule_id,
        coalesce(rule_version, '0') as rule_version,
        method,
        cost_component,
        tenant_id,
        product_id,
        feature_id,
        environment,
        plan,
        cost_center,
        cost_nature,
        cast(sum(basis_quantity) as decimal(38, 12)) as basis_quantity,
        cast(sum(amount_usd) as decimal(38, 12)) as amount_usd
    from parts
    group by
        charge_id, coalesce(rule_id, 'direct'), coalesce(rule_version, '0'), method, cost_component,
        tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature

),

-- What calls carry has the nature of the calls.
kinds as (

    select distinct
        charges.usage_date,
        'unattributed' as environment,
        summed.plan,
        'unattributed' as purpose
    from summed
    inner join charges
        on summed.charge_id = charges.charge_id
    where summed.cost_nature is null

),

natures as (
    {{ cost_natures('kinds') }}
),

allocations as (

    select
        md5(
            summed.charge_id || ':' || summed.rule_id || ':' || summed.method || ':' || summed.tenant_id || ':'
            || summed.product_id || ':' || summed.feature_id || ':' || summed.environment || ':' || summed.plan
            || ':' || coalesce(summed.cost_center, '') || ':' || coalesce(summed.cost_nature, '')
        ) as allocation_id,
        summed.charge_id,
        charges.posting_period,
        charges.usage_date,
        cast(date_trunc('week', charges.usage_date) as date) as week_start,
        charges.invoice_id,
        charges.service_provider,
        charges.billing_account_id,
        charges.host,
        charges.model,
        charges.charge_category,
        case when summed.tenant_id = 'unattributed' then 'unattributed' else 'tenant' end as target_type,
        summed.tenant_id as target_id,
        summed.tenant_id,
        summed.product_id,
        summed.feature_id,
        summed.environment,
        summed.plan,
        summed.cost_center,
        coalesce(summed.cost_nature, natures.cost_nature) as cost_nature,
        summed.rule_id,
        summed.rule_version,
        summed.method,
        summed.cost_component,
        summed.basis_quantity,
        cast({{ divide_exact('1', 'summed.amount_usd', 'charges.amount_usd', weight_places=12) }} as decimal(18, 12)) as share,
        summed.amount_usd,
        cast(case when charges.charge_category = 'credit' then 0 else summed.amount_usd end as decimal(38, 12))
            as effective_amount_usd,
        charges.charge_status as status
    from summed
    inner join charges
        on summed.charge_id = charges.charge_id
    left join natures
        on
            summed.cost_nature is null
            and charges.usage_date = natures.usage_date
            and summed.plan = natures.plan

)

select * from allocations
