with usage as (

    select * from {{ ref('int_usage_priced') }}
    where
        host <> 'self_hosted' and billing_status not in ('not_billed', 'gateway_cache')
        and {{ is_touched('calls', 'usage_date', 'file_hash') }}

),

with_units as (

    select * from usage
    where {{ has_units() }}

),

metered as (
    {{ unpivot_call_meters('usage', 'with_units', also=['host']) }}
),

-- Within a group the price differs only by what the bill does not show: tiers, and reasoning where it has its own price.
-- A group without prices is shared by quantity.
weighted as (

    select
        *,
        cast(coalesce(contracted_cost_usd * 1000000, quantity) as decimal(31, 8)) as weight
    from metered

)

select * from weighted
