with source as (

    select * from {{ raw('openai', 'costs') }}

),

latest as (

    select
        account_id,
        bucket_start,
        max(retrieved_at) as retrieved_at
    from source
    group by account_id, bucket_start

),

-- A page is a snapshot: the last one retrieved replaces the whole bucket.
current_lines as (

    select
        source.*,
        lower(trim(split_part(source.line_item, ',', 2))) as meter_name
    from source
    inner join latest
        on
            source.account_id = latest.account_id
            and source.bucket_start = latest.bucket_start
            and source.retrieved_at = latest.retrieved_at

),

metered as (

    select
        account_id as billing_account_id,
        project_id as billing_scope_id,
        cast(bucket_start as date) as usage_date,
        bucket_end,
        retrieved_at,
        case when meter_name = '' then null else split_part(line_item, ',', 1) end as model_id,
        line_item,
        case when meter_name like 'batch %' then 'batch' else 'standard' end as service_tier,
        case replace(meter_name, 'batch ', '')
            when 'input' then 'input_uncached'
            when 'cached input' then 'cache_read'
            when 'cache write input' then 'cache_write_5m'
            when 'output' then 'output'
            else 'other'
        end as meter,
        amount,
        quantity,
        currency,
        file_hash,
        row_number
    from current_lines

)

select * from metered
