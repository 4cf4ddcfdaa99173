with usage as (

    select * from {{ ref('fct_usage') }}
    where host = 'self_hosted' and {{ is_touched('anything', 'usage_date') }}

),

gpu_calls as (

    select * from {{ ref('int_gpu_calls_costed') }}
    where {{ is_touched('anything', 'usage_date') }}

),

served as (

    select
        gpu_calls.usage_date,
        gpu_calls.hour_start,
        gpu_calls.pool_id,
        gpu_calls.deployment_id,
        usage.tenant_id,
        count(*) as calls,
        cast(sum(usage.input_uncached_tokens) as bigint) as input_uncached_tokens,
        cast(sum(usage.cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(usage.output_text_tokens + usage.reasoning_tokens) as bigint) as output_tokens,
        cast(sum(gpu_calls.weighted_tokens) as decimal(26, 6)) as weighted_tokens,
        cast(sum(gpu_calls.weighted_output_tokens) as decimal(26, 6)) as weighted_output_tokens,
        cast(sum(gpu_calls.billed_cost_usd) as decimal(26, 12)) as busy_cost_usd
    from gpu_calls
    inner join usage
        on gpu_calls.call_id = usage.call_id
    where
        gpu_calls.charge_id is not null
        and coalesce(usage.billing_status not in ('not_billed', 'gateway_cache'), true)
    group by gpu_calls.usage_date, gpu_calls.hour_start, gpu_calls.pool_id, gpu_calls.deployment_id, usage.tenant_id

)

select * from served
