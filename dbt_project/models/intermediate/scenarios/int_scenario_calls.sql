{%- set counts = [
    'cache_write_5m_tokens', 'cache_write_1h_tokens', 'input_audio_tokens',
    'input_image_tokens', 'output_text_tokens', 'reasoning_tokens', 'output_audio_tokens', 'output_image_tokens',
    'total_output_tokens', 'searches', 'images', 'audio_seconds', 'video_seconds', 'characters', 'pages',
    'cache_storage_token_hours',
] -%}
with usage as (

    select * from {{ ref('fct_usage') }}

),

models as (

    select distinct
        feature_id,
        service_provider,
        model_id,
        fewer_input_tokens
    from {{ ref('stg_config__scenario_models') }}

),

calls as (

    select
        usage.call_id as response_id,
        usage.feature_id,
        usage.usage_date,
        usage.started_at,
        models.service_provider,
        'direct' as host,
        'unknown' as region,
        models.model_id,
        models.fewer_input_tokens,
        'standard' as service_tier,
        usage.billing_status,
        usage.operation,
        cast(null as decimal(38, 12)) as reported_cost_usd,
        usage.input_uncached_tokens - {{ cut_uncached_tokens('models.fewer_input_tokens', 'usage') }} as input_uncached_tokens,
        usage.cache_read_tokens - {{ cut_cached_tokens('models.fewer_input_tokens', 'usage') }} as cache_read_tokens,
        usage.total_input_tokens
        - {{ cut_uncached_tokens('models.fewer_input_tokens', 'usage') }}
        - {{ cut_cached_tokens('models.fewer_input_tokens', 'usage') }} as total_input_tokens,
        usage.{{ counts | join(',\n        usage.') }}
    from usage
    inner join models
        on usage.feature_id = models.feature_id
    where {{ is_taken_by_another('usage') }}

)

select * from calls
