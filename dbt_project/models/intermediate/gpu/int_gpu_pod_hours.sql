{#- A scrape in parts: up to sixteen pods that share a GPU have the same of it, to the last part. -#}
{%- set parts = '720720' -%}
with pods as (

    select
        *,
        case when coalesce(mig_instance_id, '') = '' then 'whole' else mig_instance_id end as slice_id
    from {{ ref('stg_dcgm__pods') }}

),

costs as (

    select * from {{ ref('int_gpu_hours') }}

),

scrapes as (

    select
        node_id,
        gpu_uuid as gpu_id,
        slice_id,
        sampled_at,
        count(pod) as pods,
        coalesce(min(namespace), 'unattributed') as namespace,
        coalesce(min(pod), 'unattributed') as pod
    from pods
    group by node_id, gpu_uuid, slice_id, sampled_at

),

-- Time slicing repeats a scrape for every pod on the GPU: they share it.
shared as (

    select
        scrapes.node_id,
        scrapes.gpu_id,
        scrapes.slice_id,
        scrapes.sampled_at,
        scrapes.pods,
        coalesce(pods.namespace, 'unattributed') as namespace,
        pods.pod,
        row_number() over (
            partition by scrapes.node_id, scrapes.gpu_id, scrapes.slice_id, scrapes.sampled_at
            order by pods.namespace asc nulls last, pods.pod asc nulls last
        ) as place
    from scrapes
    inner join pods
        on
            scrapes.node_id = pods.node_id
            and scrapes.gpu_id = pods.gpu_uuid
            and scrapes.slice_id = pods.slice_id
            and scrapes.sampled_at = pods.sampled_at
    where scrapes.pods > 1 and pods.pod is not null

),

named as (

    select
        node_id,
        gpu_id,
        slice_id,
        sampled_at,
        namespace,
        pod,
        {{ parts }} as scrape_parts
    from scrapes
    where pods < 2

    union all

    select
        node_id,
        gpu_id,
        slice_id,
        sampled_at,
        namespace,
        pod,
        {{ divide_exact(parts, 'place', 'pods', 0, 0) }} - {{ divide_exact(parts, 'place - 1', 'pods', 0, 0) }} as scrape_parts
    from shared

),

held as (

    select
        cast(date_trunc('hour', sampled_at) as timestamp) as hour_start,
        node_id,
        gpu_id,
        slice_id,
        namespace,
        pod,
        cast(sum(scrape_parts) as bigint) as scrape_parts
    from named
    group by cast(date_trunc('hour', sampled_at) as timestamp), node_id, gpu_id, slice_id, namespace, pod

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
