with source as (

    select * from {{ raw('anthropic', 'cost_report') }}

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

metered as (

    select
        account_id as billing_account_id,
        workspace_id as billing_scope_id,
        cast(bucket_start as date) as usage_date,
        bucket_end,
        retrieved_at,
        model_id,
        description as line_item,
        coalesce(service_tier, 'standard') as service_tier,
        case
            when cost_type = 'web_search' then 'search'
            when token_type = 'uncached_input_tokens' then 'input_uncached'
            when token_type = 'cache_read_input_tokens' then 'cache_read'
            when token_type = 'cache_creation.ephemeral_5m_input_tokens' then 'cache_write_5m'
            when token_type = 'cache_creation.ephemeral_1h_input_tokens' then 'cache_write_1h'
            when token_type = 'output_tokens' then 'output'
            else 'other'
        end as meter,
        amount_usd as amount,
        currency,
        file_hash,
        row_number
    from current_lines

)

select * from metered
