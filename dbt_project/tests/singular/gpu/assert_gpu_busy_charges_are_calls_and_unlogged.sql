-- Calls and what no call carries are the busy charge, to the last digit, and neither is negative.
with parts as (

    select
        charge_id,
        billed_cost_usd as amount_usd
    from {{ ref('int_gpu_calls_costed') }}
    where charge_id is not null and {{ is_touched('anything', 'usage_date') }}
    union all
    select
        charge_id,
        amount_usd
    from {{ ref('int_gpu_unlogged') }}
    where {{ is_touched('anything', 'usage_date') }}

),

summed as (

    select
        charge_id,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd,
        min(amount_usd) as smallest_usd
    from parts
    group by charge_id

)

select
    charges.charge_id,
    charges.amount_usd,
    summed.amount_usd as parts_usd,
    summed.smallest_usd
from {{ ref('int_gpu_charges') }} as charges
left join summed
    on charges.charge_id = summed.charge_id
where
    charges.charge_category = 'gpu_busy' and {{ is_touched('anything', 'charges.usage_date') }}
    and (
        summed.amount_usd is null
        or summed.amount_usd <> charges.amount_usd
        or summed.smallest_usd < 0
    )
