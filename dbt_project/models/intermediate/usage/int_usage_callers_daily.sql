with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

summed as (

    select
        usage_date,
        user_key,
        api_key_id,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as effective_cost_usd,
        count(*) filter (where pricing_status = 'unpriced') as unpriced_calls,
        cast(
            coalesce(sum(total_input_tokens + total_output_tokens) filter (where pricing_status = 'unpriced'), 0)
            as bigint
        ) as unpriced_tokens
    from usage
    group by usage_date, user_key, api_key_id

)

select * from summed
