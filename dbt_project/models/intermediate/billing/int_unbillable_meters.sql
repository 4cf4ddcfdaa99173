{%- set prices = [
    'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output',
    'reasoning', 'output_audio', 'output_image',
] -%}
with usage as (

    select * from {{ ref('int_usage_priced') }}
    where host <> 'self_hosted'

),

duplicates as (

    select * from {{ ref('int_usage_duplicates') }}

),

-- A line that repeats a call is priced as the call it repeats, on its own tokens.
repeats as (

    select
        usage.call_id,
        usage.service_provider,
        usage.billing_account_id,
        duplicates.usage_date,
        usage.model,
        usage.service_tier,
        usage.price_set_id,
        duplicates.input_uncached_tokens,
        duplicates.cache_read_tokens,
        duplicates.cache_write_5m_tokens,
        duplicates.cache_write_1h_tokens,
        duplicates.input_audio_tokens,
        duplicates.input_image_tokens,
        duplicates.output_text_tokens,
        duplicates.reasoning_tokens,
        duplicates.output_audio_tokens,
        duplicates.output_image_tokens,
        duplicates.searches,
        {%- for meter in prices %}
        usage.contracted_{{ meter }}_per_mtok_usd,
        {%- endfor %}
        usage.contracted_search_usd,
        'duplicate_logs' as cause
    from duplicates
    inner join usage
        on duplicates.response_id = usage.call_id

),

unbilled as (

    select
        call_id,
        service_provider,
        billing_account_id,
        usage_date,
        model,
        service_tier,
        price_set_id,
        input_uncached_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        cache_write_1h_tokens,
        input_audio_tokens,
        input_image_tokens,
        output_text_tokens,
        reasoning_tokens,
        output_audio_tokens,
        output_image_tokens,
        searches,
        {%- for meter in prices %}
        contracted_{{ meter }}_per_mtok_usd,
        {%- endfor %}
        contracted_search_usd,
        'unbilled_calls' as cause
    from usage
    where billing_status in ('not_billed', 'gateway_cache')

),

lines as (

    select * from repeats
    union all
    select * from unbilled

),

metered as (
    {{ unpivot_call_meters('lines', also=['cause']) }}
),

summed as (

    select
        cause,
        service_provider,
        billing_account_id,
        usage_date,
        model,
        service_tier,
        meter,
        cast(sum(quantity) as decimal(18, 0)) as quantity,
        cast(coalesce(sum(contracted_cost_usd), 0) as decimal(26, 12)) as contracted_usd
    from metered
    group by cause, service_provider, billing_account_id, usage_date, model, service_tier, meter

)

select * from summed
