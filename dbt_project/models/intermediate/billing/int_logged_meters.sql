{%- set keys = 'service_provider, billing_account_id, usage_date, model, service_tier, meter' -%}
with call_meters as (

    select * from {{ ref('int_call_meters') }}
    where {{ is_touched('calls', 'usage_date') }}

),

logged as (

    select
        {{ keys }},
        cast(sum(quantity) as decimal(18, 0)) as logged_quantity,
        cast(sum(weight) as decimal(31, 8)) as logged_weight,
        cast(sum(contracted_cost_usd) as decimal(26, 12)) as contracted_usd,
        min(call_id) as first_call_id,
        min(host) as host,
        case when min(price_set_id) = max(price_set_id) then min(price_set_id) end as price_set_id
    from call_meters
    group by {{ keys }}

)

select * from logged
