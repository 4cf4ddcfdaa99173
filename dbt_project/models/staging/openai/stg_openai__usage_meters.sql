with source as (

    select * from {{ raw('openai', 'usage_meters') }}

),

latest as (

    select
        account_id,
        endpoint,
        bucket_start,
        max(retrieved_at) as retrieved_at
    from source
    group by account_id, endpoint, bucket_start

),

-- A page is a snapshot: the last one retrieved of an endpoint replaces the whole bucket, with nothing where it has no results.
current_lines as (

    select source.*
    from source
    inner join latest
        on
            source.account_id = latest.account_id
            and source.endpoint = latest.endpoint
            and source.bucket_start = latest.bucket_start
            and source.retrieved_at = latest.retrieved_at
    where not source.is_empty

),

metered as (

    select
        account_id as billing_account_id,
        project_id as billing_scope_id,
        api_key_id,
        cast(bucket_start as date) as usage_date,
        endpoint,
        model_id,
        case when meter = 'audio_second' then 'audio_millisecond' else meter end as meter,
        case when meter = 'audio_second' then quantity * 1000 else quantity end as quantity,
        unit
    from current_lines

)

select * from metered
