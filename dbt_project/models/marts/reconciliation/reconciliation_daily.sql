with groups as (

    select * from {{ ref('int_anchor_groups') }}

),

bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

token_groups as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        model,
        meter || ':' || service_tier as meter,
        cast(logged_quantity as decimal(38, 6)) as logged_quantity,
        cast(billed_quantity as decimal(38, 6)) as billed_quantity,
        coalesce(contracted_usd, 0) as metered_usd,
        coalesce(billed_usd, 0) as billed_usd,
        case when is_final then -(coalesce(billed_usd, 0) - attributed_usd) else 0 end as unlogged_usd,
        case when not is_final then coalesce(contracted_usd, 0) - coalesce(billed_usd, 0) else 0 end as late_bill_usd,
        case
            when is_final and billed_quantity is not null and logged_quantity <= billed_quantity
                then coalesce(contracted_usd, 0) - attributed_usd
            else 0
        end as price_usd,
        cast(0 as decimal(26, 12)) as non_token_usd,
        is_final
    from groups

),

other_lines as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        model,
        line_item as meter,
        cast(null as decimal(38, 6)) as logged_quantity,
        cast(null as decimal(38, 6)) as billed_quantity,
        cast(0 as decimal(26, 12)) as metered_usd,
        cast(sum(amount_usd) as decimal(26, 12)) as billed_usd,
        cast(0 as decimal(26, 12)) as unlogged_usd,
        cast(0 as decimal(26, 12)) as late_bill_usd,
        cast(0 as decimal(26, 12)) as price_usd,
        cast(-sum(amount_usd) as decimal(26, 12)) as non_token_usd,
        bool_and(is_final) as is_final
    from bill_lines
    where meter = 'other'
    group by usage_date, service_provider, billing_account_id, model, line_item

),

lines as (

    select * from token_groups
    union all
    select * from other_lines

),

explained as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        model,
        meter,
        logged_quantity,
        billed_quantity,
        cast(metered_usd as decimal(38, 12)) as metered_cost_usd,
        cast(billed_usd as decimal(38, 12)) as billed_cost_usd,
        cast(metered_usd - billed_usd as decimal(38, 12)) as variance_usd,
        cast(0 as decimal(38, 12)) as duplicate_logs_usd,
        cast(0 as decimal(38, 12)) as unbilled_calls_usd,
        cast(unlogged_usd as decimal(38, 12)) as unlogged_traffic_usd,
        cast(0 as decimal(38, 12)) as late_logs_usd,
        cast(late_bill_usd as decimal(38, 12)) as late_bill_usd,
        cast(0 as decimal(38, 12)) as token_class_difference_usd,
        cast(0 as decimal(38, 12)) as service_tier_difference_usd,
        cast(price_usd as decimal(38, 12)) as price_difference_usd,
        cast(non_token_usd as decimal(38, 12)) as non_token_meters_usd,
        cast(0 as decimal(38, 12)) as credits_discounts_usd,
        cast(0 as decimal(38, 12)) as fees_usd,
        cast(0 as decimal(38, 12)) as fx_usd,
        cast(0 as decimal(38, 12)) as rounding_usd,
        cast(metered_usd - billed_usd - unlogged_usd - late_bill_usd - price_usd - non_token_usd as decimal(38, 12))
            as unexplained_usd,
        is_final
    from lines

)

select * from explained
