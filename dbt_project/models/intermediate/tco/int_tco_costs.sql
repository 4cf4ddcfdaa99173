with allocations as (

    select * from {{ ref('int_allocations') }}

),

charges as (

    select * from {{ ref('int_tco_charges') }}

),

timed as (

    select * from {{ ref('int_tco_timed') }}
    where not is_estimate

),

billed as (

    select
        cast(date_trunc('month', allocations.usage_date) as date) as month_start,
        coalesce(charges.rule_product_id, allocations.product_id) as product_id,
        charges.line,
        'bill' as source,
        charges.category,
        charges.is_gpu,
        charges.carries_load,
        charges.is_gpu or charges.line <> 'inference' as is_serving_stack,
        cast(sum(allocations.effective_amount_usd) as decimal(26, 12)) as cash_usd
    from allocations
    inner join charges
        on allocations.charge_id = charges.charge_id
    group by
        cast(date_trunc('month', allocations.usage_date) as date),
        coalesce(charges.rule_product_id, allocations.product_id),
        charges.line,
        charges.category,
        charges.is_gpu,
        charges.carries_load

),

together as (

    select
        month_start, product_id, line, source, category, is_gpu, carries_load, is_serving_stack, cash_usd
    from billed

    union all

    select
        month_start, product_id, line, source, category, false as is_gpu, false as carries_load, is_serving_stack,
        cash_usd
    from timed

)

select * from together
