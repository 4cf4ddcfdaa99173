{%- set token_classes = [
    'input_uncached_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'input_audio_tokens', 'input_image_tokens', 'output_text_tokens', 'reasoning_tokens',
    'output_audio_tokens', 'output_image_tokens',
] -%}
with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

usage_cells as (

    select
        usage_date,
        tenant_id,
        product_id,
        feature_id,
        service_provider,
        host,
        coalesce(model, 'unattributed') as model,
        environment,
        plan,
        count(*) filter (where is_last_attempt) as requests,
        count(*) as calls,
        bool_or(has_prompt_cache) as has_prompt_cache,
        {%- for token_class in token_classes %}
        cast(sum({{ token_class }}) as bigint) as {{ token_class }},
        {%- endfor %}
        cast(sum(searches) as bigint) as searches,
        cast(sum(list_cost_usd) as decimal(26, 12)) as list_cost_usd,
        cast(sum(contracted_cost_usd) as decimal(26, 12)) as contracted_cost_usd,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as effective_cost_usd,
        cast(sum(effective_cost_usd) filter (where cost_nature = 'cogs') as decimal(26, 12)) as cogs_cost_usd,
        cast(sum(effective_cost_usd) filter (where superseded_as = 'retry') as decimal(26, 12)) as retry_cost_usd,
        cast(sum(effective_cost_usd) filter (where superseded_as = 'escalation') as decimal(26, 12)) as escalation_cost_usd,
        cast(sum(effective_cost_usd) filter (where superseded_as = 'fallback') as decimal(26, 12)) as fallback_cost_usd,
        cast(sum(effective_cost_usd) filter (where is_failed_last) as decimal(26, 12)) as failed_cost_usd,
        cast(sum(reasoning_cost_usd) as decimal(26, 12)) as reasoning_cost_usd,
        count(*) filter (where pricing_status = 'unpriced') as unpriced_calls,
        cast(sum(total_input_tokens + total_output_tokens) filter (where pricing_status = 'unpriced') as bigint) as unpriced_tokens
    from usage
    group by
        usage_date, tenant_id, product_id, feature_id,
        service_provider, host, coalesce(model, 'unattributed'), environment, plan

)

select * from usage_cells
