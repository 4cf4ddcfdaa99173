with usage as (

    select * from {{ ref('int_usage_priced') }}
    where
        host = 'self_hosted'
        and {{ is_touched('calls', 'usage_date', 'file_hash') }}

),

calls as (

    select
        call_id,
        usage_date,
        cast(date_trunc('hour', started_at) as timestamp) as hour_start,
        service_provider,
        model,
        coalesce(billing_status not in ('not_billed', 'gateway_cache'), true) as used_gpu,
        input_uncached_tokens,
        cache_read_tokens,
        output_text_tokens + reasoning_tokens as output_tokens
    from usage

)

select * from calls
