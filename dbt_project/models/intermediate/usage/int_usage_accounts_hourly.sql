with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

gpu_calls as (

    select * from {{ ref('int_gpu_calls_costed') }}
    where {{ is_touched('anything', 'usage_date') }}

),

-- What a call weighs on own GPUs is set by its deployment; a token of a provider's API is a token.
weighed as (

    select
        usage.usage_date,
        cast(date_trunc('hour', usage.started_at) as timestamp) as hour_start,
        usage.service_provider,
        usage.billing_account_id,
        usage.tenant_id,
        usage.product_id,
        usage.cost_center,
        usage.billing_status = 'billed' as is_billed,
        usage.is_last_attempt,
        coalesce(usage.service_tier = 'provisioned', false) as is_provisioned,
        usage.pricing_status = 'self_hosted' as is_self_hosted,
        usage.total_input_tokens + usage.total_output_tokens as tokens,
        gpu_calls.weighted_tokens as gpu_tokens
    from usage
    left join gpu_calls
        on usage.call_id = gpu_calls.call_id

),

counted as (

    select
        usage_date,
        hour_start,
        service_provider,
        billing_account_id,
        tenant_id,
        product_id,
        cost_center,
        count(*) as calls,
        count(*) filter (where is_billed) as billed_calls,
        count(*) filter (where is_last_attempt) as requests,
        cast(sum(tokens) as bigint) as tokens,
        count(*) filter (where is_provisioned) as provisioned_calls,
        cast(coalesce(sum(tokens) filter (where is_provisioned), 0) as bigint) as provisioned_tokens,
        cast(coalesce(sum(tokens) filter (where is_self_hosted), 0) as bigint) as self_hosted_tokens,
        cast(sum(coalesce(gpu_tokens, tokens)) as decimal(26, 6)) as weighted_tokens
    from weighed
    group by usage_date, hour_start, service_provider, billing_account_id, tenant_id, product_id, cost_center

)

select * from counted
