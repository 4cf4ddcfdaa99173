with node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

nodes as (

    select * from {{ ref('stg_config__gpu_nodes') }}

),

lines as (

    select * from {{ ref('stg_config__gpu_node_lines') }}

),

energy as (

    select * from {{ ref('int_gpu_energy_hourly') }}

),

rent_billed as (

    select * from {{ ref('int_gpu_rent_billed') }}

),

billed_days as (

    select
        usage_date,
        node_id,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd
    from rent_billed
    where is_final
    group by usage_date, node_id

),

energy_days as (

    select
        usage_date,
        node_id,
        cast(sum(energy_kwh) as decimal(18, 9)) as energy_kwh,
        cast(sum(covered_seconds) as decimal(18, 6)) as covered_seconds
    from energy
    group by usage_date, node_id

),

dated as (

    select
        node_days.usage_date,
        node_days.node_id,
        node_days.gpus,
        nodes.capex_usd,
        nodes.residual_usd,
        nodes.life_months,
        nodes.discount_rate,
        nodes.growth_factor,
        nodes.in_service_from,
        cast(date_trunc('month', node_days.usage_date) as date) as month_start,
        cast(date_trunc('year', node_days.usage_date) as date) as year_start,
        {{ dbt.datediff('nodes.in_service_from', 'node_days.usage_date', 'month') }} as months_begun
    from node_days
    inner join nodes
        on
            node_days.node_id = nodes.node_id
            and node_days.usage_date >= nodes.valid_from
            and node_days.usage_date < nodes.valid_to

),

-- Hardware is written off by months of service, as books do it, and within one of them by days.
aged as (

    select
        *,
        months_begun - case
            when cast({{ dbt.dateadd('month', 'months_begun', 'in_service_from') }} as date) > usage_date then 1 else 0
        end as months_served
    from dated

),

served as (

    select
        *,
        cast({{ dbt.dateadd('month', 'months_served', 'in_service_from') }} as date) as service_month_start,
        cast({{ dbt.dateadd('month', 'months_served + 1', 'in_service_from') }} as date) as service_month_end
    from aged

),

priced as (

    select
        served.*,
        lines.line,
        lines.per,
        lines.usd,
        lines.unmeasured_usd
    from served
    inner join lines
        on
            served.node_id = lines.node_id
            and served.usage_date >= lines.valid_from
            and served.usage_date < lines.valid_to
    where lines.per <> 'life' or served.months_served < served.life_months

),

-- The day's place in the term that an amount is for, in days; each month of a life counts as long as this one.
placed as (

    select
        *,
        case per
            when 'life'
                then
                    months_served * {{ dbt.datediff('service_month_start', 'service_month_end', 'day') }}
                    + {{ dbt.datediff('service_month_start', 'usage_date', 'day') }}
            when 'year' then {{ dbt.datediff('year_start', 'usage_date', 'day') }}
            else {{ dbt.datediff('month_start', 'usage_date', 'day') }}
        end as begins_at,
        case per
            when 'life'
                then life_months * {{ dbt.datediff('service_month_start', 'service_month_end', 'day') }}
            when 'year'
                then {{ dbt.datediff('year_start', dbt.dateadd('year', 1, 'year_start'), 'day') }}
            else {{ dbt.datediff('month_start', dbt.dateadd('month', 1, 'month_start'), 'day') }}
        end as term_days
    from priced

),

measured as (

    select
        placed.*,
        coalesce(energy_days.energy_kwh, 0) as energy_kwh,
        -- More GPUs may report than are paid for, on the day one is replaced.
        greatest(cast(placed.gpus * 86400 - coalesce(energy_days.covered_seconds, 0) as decimal(18, 6)), 0)
            as unmeasured_seconds
    from placed
    left join energy_days
        on
            placed.usage_date = energy_days.usage_date
            and placed.node_id = energy_days.node_id

),

booked as (

    select
        usage_date,
        node_id,
        line,
        case per
            when 'gpu_hour' then cast(usd * cast(gpus * 24 as decimal(9, 0)) as decimal(26, 12))
            when 'hour' then cast(usd * 24 as decimal(26, 12))
            when 'kwh'
                then
                    cast(
                        {{ divide_exact('usd', 'energy_kwh', '1', weight_places=9) }}
                        + {{ divide_exact('unmeasured_usd', 'unmeasured_seconds', '3600', weight_places=6) }}
                        as decimal(26, 12)
                    )
            else {{ due_between('usd', 'begins_at', 'begins_at + 1', 'term_days') }}
        end as amount_usd
    from measured

),

-- What was given for the hardware, with interest, in the place of depreciation.
capital as (

    select
        usage_date,
        node_id,
        {{ dbt.datediff('year_start', 'usage_date', 'day') }} as begins_at,
        {{ dbt.datediff('year_start', dbt.dateadd('year', 1, 'year_start'), 'day') }} as term_days,
        {{ capital_per_year('capex_usd', 'residual_usd', 'discount_rate', 'growth_factor', 'life_months') }} as yearly_usd
    from served
    where months_served < life_months

),

-- What the bill says takes the place of what the rate card expects.
costs as (

    select
        booked.usage_date,
        booked.node_id,
        booked.line,
        cast(sum(booked.amount_usd) as decimal(26, 12)) as book_cost_usd,
        cast(
            case when booked.line = 'depreciation' then 0 else sum(booked.amount_usd) end as decimal(26, 12)
        ) as economic_cost_usd
    from booked
    left join billed_days
        on
            booked.usage_date = billed_days.usage_date
            and booked.node_id = billed_days.node_id
    where billed_days.node_id is null
    group by booked.usage_date, booked.node_id, booked.line

    union all

    select
        usage_date,
        node_id,
        'billed' as line,
        amount_usd as book_cost_usd,
        amount_usd as economic_cost_usd
    from billed_days

    union all

    select
        usage_date,
        node_id,
        'capital' as line,
        cast(0 as decimal(26, 12)) as book_cost_usd,
        {{ due_between('yearly_usd', 'begins_at', 'begins_at + 1', 'term_days') }} as economic_cost_usd
    from capital

)

select * from costs
