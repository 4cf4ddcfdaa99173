with source as (

    select * from {{ raw('openrouter', 'credits') }}

),

ranked as (

    select
        account_id as billing_account_id,
        cast(retrieved_at as date) as usage_date,
        retrieved_at,
        total_credits_usd,
        total_usage_usd,
        row_number() over (
            partition by account_id, cast(retrieved_at as date)
            order by retrieved_at desc nulls last, file_hash asc nulls last
        ) as reading
    from source

),

last_of_day as (

    select
        billing_account_id,
        usage_date,
        retrieved_at,
        cast(total_credits_usd as decimal(26, 12)) as total_credits_usd,
        cast(total_usage_usd as decimal(26, 12)) as total_usage_usd
    from ranked
    where reading = 1

)

select * from last_of_day
