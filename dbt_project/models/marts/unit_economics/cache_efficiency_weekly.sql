with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

-- a call the gateway answered itself never reached the provider's cache
cacheable as (

    select
        week_start,
        service_provider,
        coalesce(model, 'unattributed') as model,
        tenant_id,
        feature_id,
        cast(sum(total_input_tokens) as bigint) as total_input_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(cache_write_5m_tokens + cache_write_1h_tokens) as bigint) as cache_write_tokens,
        cast(sum(cache_plain_input_cost_usd) as decimal(26, 12)) as cache_plain_input_cost_usd,
        cast(sum(cache_actual_input_cost_usd) as decimal(26, 12)) as cache_actual_input_cost_usd,
        cast(sum(cache_write_premium_usd) as decimal(26, 12)) as cache_write_premium_usd,
        count(*) filter (where pricing_status = 'unpriced') as unpriced_calls,
        cast(sum(total_input_tokens + total_output_tokens) filter (where pricing_status = 'unpriced') as bigint) as unpriced_tokens
    from usage
    where
        has_prompt_cache
        and billing_status <> 'gateway_cache'
    group by week_start, service_provider, coalesce(model, 'unattributed'), tenant_id, feature_id

),

typed as (

    select
        week_start,
        service_provider,
        model,
        tenant_id,
        feature_id,
        cast(total_input_tokens as bigint) as total_input_tokens,
        cast(cache_read_tokens as bigint) as cache_read_tokens,
        cast(cache_write_tokens as bigint) as cache_write_tokens,
        cast(cache_read_tokens as double) / nullif(cast(total_input_tokens as double), 0) as cache_hit_rate,
        cast(cache_plain_input_cost_usd as decimal(26, 12)) - cast(cache_actual_input_cost_usd as decimal(26, 12))
            as cache_savings_usd,
        cache_write_premium_usd,
        unpriced_calls,
        unpriced_tokens
    from cacheable

),

final as (

    select
        week_start,
        service_provider,
        model,
        tenant_id,
        feature_id,
        total_input_tokens,
        cache_read_tokens,
        cache_write_tokens,
        cache_hit_rate,
        cast(cache_savings_usd as decimal(38, 12)) as cache_savings_usd,
        cast(cache_write_premium_usd as decimal(38, 12)) as cache_write_premium_usd,
        cast(cache_savings_usd as double) / nullif(cast(cache_write_premium_usd as double), 0) as cache_roi,
        case
            when cache_hit_rate >= 0.80 then 'good'
            when cache_hit_rate >= 0.30 then 'fair'
            when cache_hit_rate is not null then 'poor'
        end as band,
        cast(unpriced_calls as bigint) as unpriced_calls,
        cast(coalesce(unpriced_tokens, 0) as bigint) as unpriced_tokens
    from typed

)

select * from final
