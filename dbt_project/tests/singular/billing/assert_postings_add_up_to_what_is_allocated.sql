-- over all posting periods, accounting has posted of every charge, day and tenant what the data of today say
with posted as (

    select
        charge_id,
        usage_date,
        tenant_id,
        sum(amount_usd) as amount_usd,
        sum(effective_amount_usd) as effective_amount_usd
    from {{ ref('fct_allocations') }}
    group by charge_id, usage_date, tenant_id

),

allocated as (

    select
        charge_id,
        usage_date,
        tenant_id,
        sum(amount_usd) as amount_usd,
        sum(effective_amount_usd) as effective_amount_usd
    from {{ ref('int_allocations') }}
    group by charge_id, usage_date, tenant_id

)

select
    charge_id,
    usage_date,
    tenant_id,
    posted.amount_usd as posted_usd,
    allocated.amount_usd as allocated_usd
from posted
full outer join allocated using (charge_id, usage_date, tenant_id)
where
    coalesce(posted.amount_usd, 0) <> coalesce(allocated.amount_usd, 0)
    or coalesce(posted.effective_amount_usd, 0) <> coalesce(allocated.effective_amount_usd, 0)
