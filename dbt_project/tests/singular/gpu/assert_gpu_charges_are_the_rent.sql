-- A node's day costs GPUs x 24 hours x rate, and the charges of its pool carry just that.
with rented as (

    select
        pool_id,
        usage_date,
        cast(sum(cast(gpus * 24 as decimal(10, 0)) * usd_per_gpu_hour) as decimal(26, 12)) as amount_usd
    from {{ ref('int_gpu_node_days') }}
    group by pool_id, usage_date

),

charged as (

    select
        pool_id,
        usage_date,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd
    from {{ ref('int_gpu_charges') }}
    group by pool_id, usage_date

)

select
    coalesce(rented.pool_id, charged.pool_id) as pool_id,
    coalesce(rented.usage_date, charged.usage_date) as usage_date,
    rented.amount_usd as rented_usd,
    charged.amount_usd as charged_usd
from rented
full outer join charged
    on
        rented.pool_id = charged.pool_id
        and rented.usage_date = charged.usage_date
where
    rented.amount_usd is null
    or charged.amount_usd is null
    or rented.amount_usd <> charged.amount_usd
