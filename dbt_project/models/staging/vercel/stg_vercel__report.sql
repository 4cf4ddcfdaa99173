with source as (

    select * from {{ raw('vercel', 'report') }}

),

latest as (

    select
        account_id,
        report_date,
        max(retrieved_at) as retrieved_at
    from source
    group by account_id, report_date

),

-- A page is a snapshot: the last one retrieved replaces the whole day.
current_lines as (

    select source.*
    from source
    inner join latest
        on
            source.account_id = latest.account_id
            and source.report_date = latest.report_date
            and source.retrieved_at = latest.retrieved_at

),

summed as (

    select
        account_id as billing_account_id,
        cast(report_date as date) as usage_date,
        max(retrieved_at) as retrieved_at,
        cast(sum(total_cost_usd) as decimal(26, 12)) as credits_usd,
        cast(sum(market_cost_usd) as decimal(26, 12)) as market_cost_usd,
        cast(sum(requests) as bigint) as requests,
        cast(sum(input_tokens) as bigint) as input_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens
    from current_lines
    group by account_id, report_date

)

select * from summed
