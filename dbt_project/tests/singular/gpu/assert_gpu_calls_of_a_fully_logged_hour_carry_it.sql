-- Where the log shows all that the engine counted, nothing of the hour's busy cost is left over.
with engine as (

    select
        hour_start,
        pool_id,
        cast(sum(weighted_tokens) as decimal(26, 6)) as weighted_tokens
    from {{ ref('int_gpu_engine_tokens_hourly') }}
    group by hour_start, pool_id

),

calls as (

    select
        hour_start,
        pool_id,
        cast(sum(weighted_tokens) as decimal(26, 6)) as weighted_tokens,
        cast(sum(billed_cost_usd) as decimal(26, 12)) as amount_usd
    from {{ ref('int_gpu_calls_costed') }}
    where charge_id is not null and {{ is_touched('anything', 'usage_date') }}
    group by hour_start, pool_id

),

hours as (

    select
        hour_start,
        pool_id,
        cast(sum(busy_cost_usd) as decimal(26, 12)) as amount_usd
    from {{ ref('int_gpu_hours') }}
    group by hour_start, pool_id

)

select
    hours.hour_start,
    hours.pool_id,
    hours.amount_usd,
    calls.amount_usd as calls_usd
from hours
inner join calls
    on
        hours.hour_start = calls.hour_start
        and hours.pool_id = calls.pool_id
left join engine
    on
        hours.hour_start = engine.hour_start
        and hours.pool_id = engine.pool_id
where
    calls.weighted_tokens > 0
    and calls.weighted_tokens >= coalesce(engine.weighted_tokens, 0)
    and calls.amount_usd <> hours.amount_usd
