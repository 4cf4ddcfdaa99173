with charges as (

    select * from {{ ref('fct_charges') }}

),

rules as (

    select * from {{ ref('stg_config__tco_charge_rules') }}
    where purpose is null

),

gpu_charges as (

    select * from {{ ref('int_gpu_charges') }}

),

loaded_pools as (

    select distinct
        usage_date,
        pool_id
    from gpu_charges
    where charge_category = 'gpu_busy' and amount_usd <> 0

),

-- GPUs that were busy on a day carry load, all of their cost of the day; the others stand by.
gpus as (

    select
        gpu_charges.charge_id,
        loaded_pools.pool_id is not null as carries_load
    from gpu_charges
    left join loaded_pools
        on
            gpu_charges.usage_date = loaded_pools.usage_date
            and gpu_charges.pool_id = loaded_pools.pool_id

),

lined as (

    select
        charges.charge_id,
        charges.usage_date,
        rules.rule_id,
        rules.product_id as rule_product_id,
        coalesce(rules.line, 'inference') as line,
        case
            when rules.line is not null then rules.category
            when gpus.charge_id is not null then 'own_gpus'
            else 'api'
        end as category,
        gpus.charge_id is not null as is_gpu,
        coalesce(gpus.carries_load, false) as carries_load
    from charges
    left join rules
        on {{ takes_charge('rules', 'charges') | indent(12) }}
    left join gpus
        on charges.charge_id = gpus.charge_id

)

select * from lined
