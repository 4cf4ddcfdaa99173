with measured_by_day as (

    select * from {{ ref('int_gpu_energy_measured') }}

),

by_method as (

    select
        hour_start,
        node_id,
        gpu_uuid,
        case when sum(gap_us) > 0 then 'counter_over_gap' else method end as method,
        cast(sum(energy_mj) as decimal(26, 0)) as energy_mj,
        cast(sum(covered_us) as decimal(18, 0)) as covered_us
    from measured_by_day
    group by hour_start, node_id, gpu_uuid, method

),

-- The counter misses no peak, so it goes first unless it saw much less of the hour. A GPU that two host names report is
-- one GPU: the name that saw more of the hour has it.
ranked as (

    select
        *,
        row_number() over (
            partition by hour_start, gpu_uuid
            order by
                case when method = 'power' then 9 * covered_us else 10 * covered_us end desc nulls last,
                method asc nulls last,
                node_id asc nulls last
        ) as preference
    from by_method

),

measured as (

    select
        hour_start,
        cast(hour_start as date) as usage_date,
        node_id,
        gpu_uuid,
        cast({{ divide_exact('1', 'energy_mj', '3600000000', 9, 0) }} as decimal(18, 9)) as energy_kwh,
        method,
        cast(covered_us * 0.000001 as decimal(18, 6)) as covered_seconds
    from ranked
    where preference = 1

)

select * from measured
