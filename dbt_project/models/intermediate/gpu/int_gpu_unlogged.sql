with charges as (

    select * from {{ ref('int_gpu_charges') }}

),

calls as (

    select * from {{ ref('int_gpu_calls_hourly') }}

),

carried as (

    select
        usage_date,
        pool_id,
        cast(sum(busy_cost_usd) as decimal(26, 12)) as carried_usd
    from calls
    group by usage_date, pool_id

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
        on
            charges.usage_date = carried.usage_date
            and charges.pool_id = carried.pool_id
    where charges.charge_category = 'gpu_busy'

)

select * from unlogged
