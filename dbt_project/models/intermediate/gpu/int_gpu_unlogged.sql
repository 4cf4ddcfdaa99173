with charges as (

    select * from {{ ref('int_gpu_charges') }}

),

calls as (

    select * from {{ ref('int_gpu_calls_costed') }}

),

carried as (

    select
        charge_id,
        cast(sum(billed_cost_usd) as decimal(26, 12)) as carried_usd
    from calls
    where charge_id is not null
    group by charge_id

),

unlogged as (

    select
        charges.charge_id,
        charges.usage_date,
        charges.pool_id,
        charges.service_provider,
        charges.billing_account_id,
        charges.model,
        charges.deployment_id,
        cast(charges.amount_usd - coalesce(carried.carried_usd, 0) as decimal(26, 12)) as amount_usd
    from charges
    left join carried
        on charges.charge_id = carried.charge_id
    where charges.charge_category = 'gpu_busy'

)

select * from unlogged
