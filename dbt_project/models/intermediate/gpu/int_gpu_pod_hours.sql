with scraped as (

    select * from {{ ref('int_gpu_pods_scraped') }}

),

costs as (

    select * from {{ ref('int_gpu_hours') }}

),

placed as (

    select
        *,
        cast(sum(scrape_parts) over (partition by hour_start, node_id, gpu_id, slice_id) as bigint) as all_parts,
        cast(
            sum(scrape_parts) over (
                partition by hour_start, node_id, gpu_id, slice_id
                order by namespace asc nulls last, pod asc nulls last
                rows between unbounded preceding and current row
            ) as bigint
        ) as ends_at
    from scraped

),

slice_hours as (

    select
        hour_start,
        usage_date,
        node_id,
        gpu_id,
        slice_id,
        cast(sum(provisioned_seconds) as decimal(18, 6)) as provisioned_seconds,
        cast(sum(cost_usd) as decimal(26, 12)) as cost_usd
    from costs
    group by hour_start, usage_date, node_id, gpu_id, slice_id

),

-- An hour without a scrape is nobody's.
pod_hours as (

    select
        slice_hours.hour_start,
        slice_hours.usage_date,
        slice_hours.node_id,
        slice_hours.gpu_id,
        slice_hours.slice_id,
        coalesce(placed.namespace, 'unattributed') as namespace,
        coalesce(placed.pod, 'unattributed') as pod,
        case
            when placed.pod is null then slice_hours.provisioned_seconds
            else cast(
                {{ divide_exact('slice_hours.provisioned_seconds', 'placed.ends_at', 'placed.all_parts', 6, 0) }}
                - {{ divide_exact('slice_hours.provisioned_seconds', 'placed.ends_at - placed.scrape_parts', 'placed.all_parts', 6, 0) }}
                as decimal(18, 6)
            )
        end as gpu_seconds,
        case
            when placed.pod is null then slice_hours.cost_usd
            else {{ due_between('slice_hours.cost_usd', 'placed.ends_at - placed.scrape_parts', 'placed.ends_at', 'placed.all_parts') }}
        end as cost_usd
    from slice_hours
    left join placed
        on
            slice_hours.hour_start = placed.hour_start
            and slice_hours.node_id = placed.node_id
            and slice_hours.gpu_id = placed.gpu_id
            and slice_hours.slice_id = placed.slice_id

)

select * from pod_hours
