with source as (

    select * from {{ raw('anthropic', 'usage_messages') }}

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
        workspace_id as billing_scope_id,
        api_key_id,
        cast(bucket_start as date) as usage_date,
        model_id,
        coalesce(service_tier, 'standard') as service_tier,
        uncached_input_tokens as input_uncached_tokens,
        cache_read_input_tokens as cache_read_tokens,
        cache_creation_5m_input_tokens as cache_write_5m_tokens,
        cache_creation_1h_input_tokens as cache_write_1h_tokens,
        output_tokens,
        web_search_requests as searches
    from current_lines

)

select * from classed
