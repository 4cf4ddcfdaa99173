with call_meters as (

    select * from {{ ref('int_call_meters_anchored') }}
    where {{ is_touched('anything', 'usage_date') }}

),

calls as (

    select
        call_id,
        usage_date,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(effective_amount_usd) as decimal(26, 12)) as effective_amount_usd,
        cast(coalesce(sum(amount_usd) filter (
            where meter in ('input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image')
        ), 0) as decimal(26, 12)) as input_cost_usd,
        cast(coalesce(sum(amount_usd) filter (where meter in ('output', 'output_audio', 'output_image')), 0) as decimal(26, 12))
            as output_cost_usd,
        cast(coalesce(sum(amount_usd) filter (where meter = 'output'), 0) as decimal(26, 12)) as output_text_cost_usd,
        cast(coalesce(sum(contracted_cost_usd) filter (
            where meter in ('input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h')
        ), 0) as decimal(26, 12)) as cache_actual_input_cost_usd,
        bool_and(is_final) as is_anchored,
        bool_or(amount_usd is null) as has_unpriced_meter
    from call_meters
    group by call_id, usage_date

)

select * from calls
