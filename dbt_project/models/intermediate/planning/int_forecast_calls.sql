{%- set cell = [
    'usage_date', 'product_id', 'model', 'service_provider', 'cost_nature', 'cost_center', 'host', 'region', 'model_id',
    'service_tier',
] -%}
with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

summed as (

    select
        {{ cell | join(', ') }},
        count(*) filter (where is_last_attempt) as requests,
        count(*) as calls,
        cast(sum(total_input_tokens + total_output_tokens) as bigint) as tokens,
        cast(coalesce(sum(contracted_cost_usd), 0) as decimal(26, 12)) as contracted_cost_usd,
        count(*) filter (where pricing_status = 'unpriced') as unpriced_calls,
        cast(coalesce(sum(total_input_tokens + total_output_tokens) filter (where pricing_status = 'unpriced'), 0) as bigint)
            as unpriced_tokens
    from usage
    group by {{ cell | join(', ') }}

)

select * from summed
