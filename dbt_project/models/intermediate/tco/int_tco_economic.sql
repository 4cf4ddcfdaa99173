with node_costs as (

    select * from {{ ref('int_gpu_node_costs') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

gpu_charges as (

    select * from {{ ref('int_gpu_charges') }}

),

charges as (

    select * from {{ ref('int_tco_charges') }}

),

allocations as (

    select * from {{ ref('int_allocations') }}

),

-- What owned GPUs cost by the capital recovery factor, over what the books say.
pool_days as (

    select
        node_costs.usage_date,
        node_days.pool_id,
        cast(sum(node_costs.book_cost_usd) as decimal(26, 12)) as book_usd,
        cast(
            sum(node_costs.economic_cost_usd) - sum(node_costs.book_cost_usd) as decimal(26, 12)
        ) as difference_usd
    from node_costs
    inner join node_days
        on
            node_costs.usage_date = node_days.usage_date
            and node_costs.node_id = node_days.node_id
    group by node_costs.usage_date, node_days.pool_id

),

differing as (

    select * from pool_days
    where difference_usd <> 0

),

parts as (

    select
        cast(date_trunc('month', allocations.usage_date) as date) as month_start,
        coalesce(charges.rule_product_id, allocations.product_id) as product_id,
        charges.line,
        {{ divide_exact('differing.difference_usd', 'allocations.effective_amount_usd', 'differing.book_usd', weight_places=12) }}
            as difference_usd
    from allocations
    inner join charges
        on allocations.charge_id = charges.charge_id
    inner join gpu_charges
        on allocations.charge_id = gpu_charges.charge_id
    inner join differing
        on
            gpu_charges.usage_date = differing.usage_date
            and gpu_charges.pool_id = differing.pool_id

),

shared as (

    select
        month_start,
        product_id,
        line,
        cast(coalesce(sum(difference_usd), 0) as decimal(26, 12)) as difference_usd
    from parts
    group by month_start, product_id, line

),

shared_months as (

    select
        month_start,
        cast(sum(difference_usd) as decimal(26, 12)) as difference_usd
    from shared
    group by month_start

),

months as (

    select
        cast(date_trunc('month', usage_date) as date) as month_start,
        cast(sum(difference_usd) as decimal(26, 12)) as difference_usd
    from differing
    group by cast(date_trunc('month', usage_date) as date)

),

-- What rounding leaves of the month, and nodes the books count as nothing.
together as (

    select
        month_start,
        product_id,
        line,
        difference_usd
    from shared

    union all

    select
        months.month_start,
        'unattributed' as product_id,
        'inference' as line,
        cast(months.difference_usd - coalesce(shared_months.difference_usd, 0) as decimal(26, 12)) as difference_usd
    from months
    left join shared_months
        on months.month_start = shared_months.month_start

),

differences as (

    select
        month_start,
        product_id,
        line,
        cast(sum(difference_usd) as decimal(26, 12)) as difference_usd
    from together
    group by month_start, product_id, line

)

select * from differences
