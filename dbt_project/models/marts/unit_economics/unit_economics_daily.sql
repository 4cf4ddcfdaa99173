{%- set token_classes = [
    'input_uncached_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'input_audio_tokens', 'input_image_tokens', 'output_text_tokens', 'reasoning_tokens',
    'output_audio_tokens', 'output_image_tokens',
] -%}
with usage_cells as (

    select * from {{ ref('int_usage_economics_daily') }}
    where {{ is_touched('allocations', 'usage_date') }}

),

allocations as (

    select
        *,
        cast(amount_usd as decimal(26, 12)) - cast(effective_amount_usd as decimal(26, 12)) as offset_usd
    from {{ ref('int_allocations') }}
    where {{ is_touched('allocations', 'usage_date') }}

),

-- what is paid comes from the ledger alone: it also holds the cost no call caused, and a rule may have moved a call's
allocation_cells as (

    select
        usage_date,
        tenant_id,
        product_id,
        feature_id,
        coalesce(service_provider, 'unattributed') as service_provider,
        coalesce(host, 'unattributed') as host,
        coalesce(model, 'unattributed') as model,
        environment,
        plan,
        cast(sum(amount_usd) filter (where status = 'anchored') as decimal(26, 12)) as billed_cost_usd,
        cast(sum(effective_amount_usd) as decimal(26, 12)) as effective_cost_usd,
        cast(coalesce(sum(effective_amount_usd) filter (where cost_nature = 'cogs'), 0) as decimal(26, 12)) as cogs_cost_usd,
        -- what a credit takes off the bill and not off the cost
        cast(sum(offset_usd) filter (where charge_category = 'credit') as decimal(26, 12)) as credit_offset_usd,
        cast(sum(offset_usd) filter (where charge_category = 'credit' and cost_nature = 'cogs') as decimal(26, 12))
            as cogs_credit_offset_usd
    from allocations
    group by
        usage_date, tenant_id, product_id, feature_id, coalesce(service_provider, 'unattributed'),
        coalesce(host, 'unattributed'), coalesce(model, 'unattributed'), environment, plan

),

cells as (

    select
        usage_date,
        tenant_id,
        product_id,
        feature_id,
        service_provider,
        host,
        model,
        environment,
        plan,
        cast(coalesce(usage_cells.requests, 0) as bigint) as requests,
        cast(coalesce(usage_cells.calls, 0) as bigint) as calls,
        {%- for token_class in token_classes %}
        cast(coalesce(usage_cells.{{ token_class }}, 0) as bigint) as {{ token_class }},
        {%- endfor %}
        cast(coalesce(usage_cells.searches, 0) as bigint) as searches,
        cast(usage_cells.list_cost_usd as decimal(38, 12)) as list_cost_usd,
        cast(usage_cells.contracted_cost_usd as decimal(38, 12)) as contracted_cost_usd,
        cast(allocation_cells.billed_cost_usd as decimal(38, 12)) as billed_cost_usd,
        cast(coalesce(allocation_cells.effective_cost_usd, 0) as decimal(38, 12)) as effective_cost_usd,
        cast(coalesce(allocation_cells.credit_offset_usd, 0) as decimal(38, 12)) as credit_offset_usd,
        cast(coalesce(allocation_cells.cogs_cost_usd, 0) as decimal(38, 12)) as cogs_cost_usd,
        cast(coalesce(allocation_cells.cogs_credit_offset_usd, 0) as decimal(38, 12)) as cogs_credit_offset_usd,
        cast(coalesce(usage_cells.retry_cost_usd, 0) as decimal(38, 12)) as retry_cost_usd,
        cast(coalesce(usage_cells.escalation_cost_usd, 0) as decimal(38, 12)) as escalation_cost_usd,
        cast(coalesce(usage_cells.fallback_cost_usd, 0) as decimal(38, 12)) as fallback_cost_usd,
        cast(coalesce(usage_cells.failed_cost_usd, 0) as decimal(38, 12)) as failed_cost_usd,
        cast(coalesce(usage_cells.reasoning_cost_usd, 0) as decimal(38, 12)) as reasoning_cost_usd,
        cast(coalesce(usage_cells.unpriced_calls, 0) as bigint) as unpriced_calls,
        cast(coalesce(usage_cells.unpriced_tokens, 0) as bigint) as unpriced_tokens
    from usage_cells
    full outer join allocation_cells
        using (usage_date, tenant_id, product_id, feature_id, service_provider, host, model, environment, plan)

)

select * from cells
