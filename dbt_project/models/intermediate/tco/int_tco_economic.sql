with node_costs as (

    select * from {{ ref('int_gpu_node_costs') }}

),

shares as (

    select * from {{ ref('int_gpu_node_shares') }}

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

moves as (

    select * from {{ ref('int_tco_moves') }}

),

-- What owned GPUs cost by the capital recovery factor, over what the books say.
owned_days as (

    select
        usage_date,
        node_id,
        cast(sum(book_cost_usd) as decimal(26, 12)) as book_usd,
        cast(sum(economic_cost_usd) - sum(book_cost_usd) as decimal(26, 12)) as difference_usd
    from node_costs
    group by usage_date, node_id

),

pool_days as (

    select
        shares.usage_date,
        shares.pool_id,
        cast(
            sum(
                {{ due_between('owned_days.book_usd', 'shares.begins_at', 'shares.ends_at', 'shares.total_millionths') }}
            ) as decimal(26, 12)
        ) as book_usd,
        cast(
            sum(
                {{ due_between('owned_days.difference_usd', 'shares.begins_at', 'shares.ends_at', 'shares.total_millionths') }}
            ) as decimal(26, 12)
        ) as difference_usd
    from owned_days
    inner join shares
        on
            owned_days.usage_date = shares.usage_date
            and owned_days.node_id = shares.node_id
    group by shares.usage_date, shares.pool_id

),

differing as (

    select * from pool_days
    where difference_usd <> 0

),

placed as (

    select
        allocations.charge_id,
        allocations.usage_date,
        coalesce(charges.rule_product_id, allocations.product_id) as product_id,
        charges.line,
        allocations.effective_amount_usd
    from allocations
    inner join charges
        on allocations.charge_id = charges.charge_id

    union all

    select
        charge_id, usage_date, product_id, line, effective_amount_usd
    from moves

),

parts as (

    select
        cast(date_trunc('month', placed.usage_date) as date) as month_start,
        placed.product_id,
        placed.line,
        {{ divide_exact('differing.difference_usd', 'placed.effective_amount_usd', 'differing.book_usd', weight_places=12) }}
            as difference_usd
    from placed
    inner join gpu_charges
        on placed.charge_id = gpu_charges.charge_id
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
