{#- Each CTE reads the calls itself: DuckDB writes out a CTE that is read twice, with all its columns. -#}
with duplicates as (

    select * from {{ ref('int_usage_duplicates') }}
    where {{ is_touched('calls', 'usage_date') }}

),

-- A line that repeats a call is priced as the call it repeats, on its own tokens.
repeats as (

    select
        usage.call_id,
        usage.service_provider,
        usage.billing_account_id,
        duplicates.usage_date,
        usage.model,
        usage.service_tier,
        usage.price_set_id,
        {{ call_meter_quantities('duplicates') }},
        {{ call_meter_prices('usage') }},
        'duplicate_logs' as cause
    from duplicates
    inner join {{ ref('int_usage_priced') }} as usage
        on duplicates.response_id = usage.call_id
    where usage.host <> 'self_hosted' and {{ is_around_touched('calls', 'usage.usage_date', 'usage.file_hash') }}

),

unbilled as (

    select
        call_id,
        service_provider,
        billing_account_id,
        usage_date,
        model,
        service_tier,
        price_set_id,
        {{ call_meter_quantities('usage') }},
        {{ call_meter_prices('usage') }},
        'unbilled_calls' as cause
    from {{ ref('int_usage_priced') }} as usage
    where
        host <> 'self_hosted' and billing_status in ('not_billed', 'gateway_cache')
        and {{ is_touched('calls', 'usage_date', 'file_hash') }}

),

lines as (

    select * from repeats
    union all
    select * from unbilled

),

with_units as (

    select * from lines
    where {{ has_units() }}

),

metered as (
    {{ unpivot_call_meters('lines', 'with_units', also=['cause']) }}
),

summed as (

    select
        cause,
        service_provider,
        billing_account_id,
        usage_date,
        model,
        service_tier,
        meter,
        cast(sum(quantity) as decimal(18, 0)) as quantity,
        cast(coalesce(sum(contracted_cost_usd), 0) as decimal(26, 12)) as contracted_usd
    from metered
    group by cause, service_provider, billing_account_id, usage_date, model, service_tier, meter

)

select * from summed
