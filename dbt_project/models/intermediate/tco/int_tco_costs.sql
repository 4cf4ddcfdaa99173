with allocations as (

    select * from {{ ref('int_allocations') }}

),

charges as (

    select * from {{ ref('int_tco_charges') }}

),

moves as (

    select * from {{ ref('int_tco_moves') }}

),

timed as (

    select * from {{ ref('int_tco_timed') }}
    where not is_estimate

),

placed as (

    select
        allocations.usage_date,
        coalesce(charges.rule_product_id, allocations.product_id) as product_id,
        charges.line,
        charges.category,
        charges.is_gpu,
        charges.carries_load,
        allocations.effective_amount_usd
    from allocations
    inner join charges
        on allocations.charge_id = charges.charge_id

    union all

    select
        usage_date, product_id, line, category, is_gpu, carries_load, effective_amount_usd
    from moves

),

billed as (

    select
        cast(date_trunc('month', usage_date) as date) as month_start,
        product_id,
        line,
        'bill' as source,
        category,
        is_gpu,
        carries_load,
        is_gpu or line <> 'inference' as is_serving_stack,
        cast(sum(effective_amount_usd) as decimal(26, 12)) as cash_usd
    from placed
    group by
        cast(date_trunc('month', usage_date) as date),
        product_id,
        line,
        category,
        is_gpu,
        carries_load

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
