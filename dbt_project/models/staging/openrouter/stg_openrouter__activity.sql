with source as (

    select * from {{ raw('openrouter', 'activity') }}

),

latest as (

    select
        account_id,
        activity_date,
        max(retrieved_at) as retrieved_at
    from source
    group by account_id, activity_date

),

-- A page is a snapshot: the last one retrieved replaces the whole day.
current_lines as (

    select source.*
    from source
    inner join latest
        on
            source.account_id = latest.account_id
            and source.activity_date = latest.activity_date
            and source.retrieved_at = latest.retrieved_at

),

summed as (

    select
        account_id as billing_account_id,
        cast(activity_date as date) as usage_date,
        max(retrieved_at) as retrieved_at,
        cast(sum(credits_usd) as decimal(26, 12)) as credits_usd,
        cast(sum(byok_usd) as decimal(26, 12)) as byok_usd,
        cast(sum(requests) as bigint) as requests,
        cast(sum(prompt_tokens) as bigint) as prompt_tokens,
        cast(sum(completion_tokens) as bigint) as completion_tokens
    from current_lines
    group by account_id, activity_date

)

select * from summed
