with gpu_hours as (

    select * from {{ ref('gpu_cost_hourly') }}

),

nodes as (

    select * from {{ ref('stg_config__gpu_nodes') }}

),

-- what nobody has seen is taken as used
hours as (

    select
        hour_start,
        usage_date,
        node_id,
        cast(date_trunc('week', usage_date) as date) as week_start,
        cast(
            sum(provisioned_seconds - warm_idle_seconds - reserved_unused_seconds - unallocated_seconds) as decimal(18, 6)
        ) as used_seconds,
        cast(
            sum(
                cast(cost_usd as decimal(26, 12)) - cast(warm_idle_cost_usd as decimal(26, 12))
                - cast(reserved_unused_cost_usd as decimal(26, 12)) - cast(unallocated_cost_usd as decimal(26, 12))
            ) as decimal(26, 12)
        ) as used_cost_usd
    from gpu_hours
    group by hour_start, usage_date, node_id

),

offered as (

    select
        hours.week_start,
        hours.hour_start,
        hours.node_id,
        nodes.service_provider,
        hours.used_seconds,
        hours.used_cost_usd,
        nodes.committed_usd_per_gpu_hour
    from hours
    inner join nodes
        on
            hours.node_id = nodes.node_id
            and hours.usage_date >= nodes.valid_from
            and hours.usage_date < nodes.valid_to
    where nodes.committed_usd_per_gpu_hour is not null

),

ranked as (

    select
        week_start,
        node_id,
        used_seconds,
        row_number() over (
            partition by week_start, node_id order by used_seconds asc nulls last, hour_start asc nulls last
        ) as place,
        count(*) over (partition by week_start, node_id) as hours
    from offered

),

-- half of the hours use as many whole GPUs, or more
medians as (

    select
        week_start,
        node_id,
        cast(floor(cast(used_seconds as double) / 3600) as integer) as gpus,
        cast(used_seconds - used_seconds % 3600 as decimal(18, 6)) as committed_seconds
    from ranked
    where 2 * place in (hours, hours + 1)

),

covered as (

    select
        offered.week_start,
        offered.service_provider,
        medians.committed_seconds,
        case
            when offered.used_seconds <= medians.committed_seconds then offered.used_seconds
            else medians.committed_seconds
        end as covered_seconds,
        case
            when offered.used_seconds <= medians.committed_seconds then offered.used_cost_usd
            else {{ divide_exact('offered.used_cost_usd', 'medians.committed_seconds', 'offered.used_seconds', weight_places=6) }}
        end as covered_cost_usd,
        cast(medians.gpus * offered.committed_usd_per_gpu_hour as decimal(26, 12)) as committed_cost_usd
    from offered
    inner join medians
        on
            offered.week_start = medians.week_start
            and offered.node_id = medians.node_id
    where medians.gpus > 0

),

commitments as (

    select
        week_start,
        service_provider,
        cast(sum(covered_seconds) as double) / nullif(cast(sum(committed_seconds) as double), 0) as utilisation,
        cast(sum(covered_cost_usd) as decimal(26, 12)) as covered_cost_usd,
        cast(sum(committed_cost_usd) as decimal(26, 12)) as committed_cost_usd
    from covered
    group by week_start, service_provider

)

select * from commitments
