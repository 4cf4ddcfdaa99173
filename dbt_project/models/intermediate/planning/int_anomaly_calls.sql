with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

-- a call the gateway answered itself never reached the provider's cache
calls as (

    select
        usage_date,
        tenant_id,
        feature_id,
        coalesce(model, 'unattributed') as model,
        coalesce(api_key_id, 'unattributed') as api_key_id,
        count(*) filter (where is_last_attempt) as requests,
        cast(sum(total_input_tokens) as bigint) as input_tokens,
        cast(sum(total_input_tokens) filter (where has_prompt_cache and billing_status <> 'gateway_cache') as bigint)
            as cacheable_input_tokens,
        cast(sum(cache_read_tokens) filter (where has_prompt_cache and billing_status <> 'gateway_cache') as bigint)
            as cache_read_tokens,
        cast(sum(output_text_tokens) as bigint) as output_text_tokens,
        cast(sum(reasoning_tokens) as bigint) as reasoning_tokens,
        0 as tasks,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as cost_usd,
        cast(sum(input_cost_usd) as decimal(26, 12)) as input_cost_usd,
        cast(sum(effective_cost_usd) filter (where superseded_as = 'retry') as decimal(26, 12)) as retry_cost_usd,
        cast(sum(reasoning_cost_usd) as decimal(26, 12)) as reasoning_cost_usd,
        cast(
            sum(cast(cache_plain_input_cost_usd as decimal(26, 12)) - cast(cache_actual_input_cost_usd as decimal(26, 12))) filter (
                where has_prompt_cache and billing_status <> 'gateway_cache'
            ) as decimal(26, 12)
        ) as cache_savings_usd,
        cast(0 as decimal(26, 12)) as tasks_cost_usd
    from usage
    group by usage_date, tenant_id, feature_id, coalesce(model, 'unattributed'), coalesce(api_key_id, 'unattributed')

)

select * from calls
