with parts as (

    select * from {{ ref('int_charges_allocated') }}

),

charges as (

    select * from {{ ref('fct_charges') }}

),

named as (

    select
        *,
        coalesce(rule_id, 'direct') as used_rule_id,
        coalesce(rule_version, '0') as used_rule_version
    from parts

),

-- What calls carry has the nature of the calls.
kinds as (

    select distinct
        charges.usage_date,
        'unattributed' as environment,
        named.plan,
        'unattributed' as purpose
    from named
    inner join charges
        on named.charge_id = charges.charge_id
    where named.cost_nature is null

),

natures as (
    {{ cost_natures('kinds') }}
),

allocations as (

    select
        md5(
            named.charge_id || ':' || named.used_rule_id || ':' || named.method || ':' || named.tenant_id || ':'
            || named.product_id || ':' || named.feature_id || ':' || named.environment || ':' || named.plan
            || ':' || coalesce(named.cost_center, '') || ':' || coalesce(named.cost_nature, natures.cost_nature, '')
            || coalesce(':' || named.through_rules, '')
            || case when named.target_type in ('tenant', 'unattributed') then '' else ':' || named.target_type || '/' || named.target_id end
        ) as allocation_id,
        named.charge_id,
        charges.posting_period,
        charges.usage_date,
        cast(date_trunc('week', charges.usage_date) as date) as week_start,
        charges.invoice_id,
        charges.service_provider,
        charges.billing_account_id,
        charges.host,
        charges.model,
        charges.charge_category,
        named.target_type,
        named.target_id,
        named.tenant_id,
        named.product_id,
        named.feature_id,
        named.environment,
        named.plan,
        named.cost_center,
        coalesce(named.cost_nature, natures.cost_nature) as cost_nature,
        named.used_rule_id as rule_id,
        named.used_rule_version as rule_version,
        named.through_rules,
        named.method,
        named.cost_component,
        named.basis_quantity,
        cast({{ divide_exact('1', 'named.amount_usd', 'charges.amount_usd', weight_places=12) }} as decimal(18, 12)) as share,
        cast(named.amount_usd as decimal(38, 12)) as amount_usd,
        cast(named.effective_amount_usd as decimal(38, 12)) as effective_amount_usd,
        charges.charge_status as status
    from named
    inner join charges
        on named.charge_id = charges.charge_id
    left join natures
        on
            named.cost_nature is null
            and charges.usage_date = natures.usage_date
            and named.plan = natures.plan

)

select * from allocations
