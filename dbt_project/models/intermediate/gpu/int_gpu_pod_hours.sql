with samples as (

    select * from {{ ref('stg_dcgm__samples') }}

),

costs as (

    select * from {{ ref('int_gpu_hours') }}

),

-- One scrape names one pod for a GPU or slice: where time slicing repeats it for several, the first.
scrapes as (

    select
        node_id,
        gpu_uuid as gpu_id,
        case when coalesce(mig_instance_id, '') = '' then 'whole' else mig_instance_id end as slice_id,
        sampled_at,
        cast(date_trunc('hour', sampled_at) as timestamp) as hour_start,
        coalesce(min(namespace), 'unattributed') as namespace,
        coalesce(min(pod), 'unattributed') as pod
    from samples
    group by
        node_id, gpu_uuid, case when coalesce(mig_instance_id, '') = '' then 'whole' else mig_instance_id end, sampled_at,
        cast(date_trunc('hour', sampled_at) as timestamp)

),

held as (

    select
        hour_start,
        node_id,
        gpu_id,
        slice_id,
        namespace,
        pod,
        cast(count(*) as bigint) as scrapes
    from scrapes
    group by hour_start, node_id, gpu_id, slice_id, namespace, pod

),

placed as (

    select
        *,
        cast(sum(scrapes) over (partition by hour_start, node_id, gpu_id, slice_id) as bigint) as all_scrapes,
        cast(
            sum(scrapes) over (
                partition by hour_start, node_id, gpu_id, slice_id
                order by namespace asc nulls last, pod asc nulls last
                rows between unbounded preceding and current row
            ) as bigint
        ) as ends_at
    from held

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
                {{ divide_exact('slice_hours.provisioned_seconds', 'placed.ends_at', 'placed.all_scrapes', 6, 0) }}
                - {{ divide_exact('slice_hours.provisioned_seconds', 'placed.ends_at - placed.scrapes', 'placed.all_scrapes', 6, 0) }}
                as decimal(18, 6)
            )
        end as gpu_seconds,
        case
            when placed.pod is null then slice_hours.cost_usd
            else {{ due_between('slice_hours.cost_usd', 'placed.ends_at - placed.scrapes', 'placed.ends_at', 'placed.all_scrapes') }}
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
