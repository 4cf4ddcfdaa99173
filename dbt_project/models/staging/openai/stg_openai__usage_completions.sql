with source as (

    select * from {{ raw('openai', 'usage_completions') }}

),

latest as (

    select
        account_id,
        bucket_start,
        max(retrieved_at) as retrieved_at
    from source
    group by account_id, bucket_start

),

-- A page is a snapshot: the last one retrieved replaces the whole bucket, with nothing where it has no results.
current_lines as (

    select source.*
    from source
    inner join latest
        on
            source.account_id = latest.account_id
            and source.bucket_start = latest.bucket_start
            and source.retrieved_at = latest.retrieved_at
    where not source.is_empty

),

classed as (

    select
        account_id as billing_account_id,
        project_id as billing_scope_id,
        api_key_id,
        cast(bucket_start as date) as usage_date,
        model_id,
        case when is_batch then 'batch' else coalesce(service_tier, 'standard') end as service_tier,
        input_tokens - input_cached_tokens - coalesce(input_cache_write_tokens, 0)
        - input_audio_tokens - input_image_tokens as input_uncached_tokens,
        input_cached_tokens as cache_read_tokens,
        coalesce(input_cache_write_tokens, 0) as cache_write_5m_tokens,
        input_audio_tokens,
        input_image_tokens,
        output_tokens - output_audio_tokens - output_image_tokens as output_text_tokens,
        output_audio_tokens,
        output_image_tokens
    from current_lines

)

select * from classed
