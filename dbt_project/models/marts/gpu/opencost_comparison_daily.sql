with pod_hours as (

    select * from {{ ref('int_gpu_pod_hours') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

allocations as (

    select * from {{ ref('stg_opencost__allocations') }}

),

exported_days as (

    select distinct usage_date
    from allocations

),

ours as (

    select
        pod_hours.usage_date,
        pod_hours.namespace,
        pod_hours.pod,
        cast(sum(pod_hours.gpu_seconds) as decimal(26, 6)) as gpu_seconds,
        cast(sum(pod_hours.cost_usd) as decimal(26, 12)) as gpu_cost_usd,
        cast(sum({{ price_part('pod_hours.cost_usd', 'gpus') }}) as decimal(26, 12)) as gpu_part_usd
    from pod_hours
    inner join exported_days
        on pod_hours.usage_date = exported_days.usage_date
    inner join node_days
        on
            pod_hours.usage_date = node_days.usage_date
            and pod_hours.node_id = node_days.node_id
    group by pod_hours.usage_date, pod_hours.namespace, pod_hours.pod

),

-- Pods without a GPU are no part of this.
theirs as (

    select
        usage_date,
        namespace,
        coalesce(pod, 'unattributed') as pod,
        cast(sum(gpu_hours) as decimal(26, 6)) as gpu_hours,
        cast(sum(gpu_cost_usd) as decimal(26, 12)) as gpu_cost_usd
    from allocations
    where gpu_hours > 0 or gpu_cost_usd <> 0
    group by usage_date, namespace, coalesce(pod, 'unattributed')

),

paired as (

    select
        coalesce(ours.usage_date, theirs.usage_date) as usage_date,
        coalesce(ours.namespace, theirs.namespace) as namespace,
        coalesce(ours.pod, theirs.pod) as pod,
        coalesce(ours.gpu_seconds, 0) as gpu_seconds,
        cast(coalesce(theirs.gpu_hours, 0) * 3600 as decimal(26, 6)) as opencost_gpu_seconds,
        coalesce(ours.gpu_cost_usd, 0) as gpu_cost_usd,
        coalesce(ours.gpu_part_usd, 0) as gpu_part_usd,
        coalesce(theirs.gpu_cost_usd, 0) as opencost_gpu_cost_usd
    from ours
    full outer join theirs
        on
            ours.usage_date = theirs.usage_date
            and ours.namespace = theirs.namespace
            and ours.pod = theirs.pod

),

-- Hours before their price: OpenCost's hours at our price of an hour, or at its own where we know no hour of it.
priced as (

    select
        *,
        case
            when gpu_seconds > 0
                then
                    {{ divide_exact('gpu_part_usd', 'opencost_gpu_seconds', 'gpu_seconds', 12, 6) }}
            else opencost_gpu_cost_usd
        end as opencost_hours_usd
    from paired

),

compared as (

    select
        usage_date,
        namespace,
        pod,
        cast(gpu_seconds as decimal(38, 6)) as gpu_seconds,
        cast(opencost_gpu_seconds as decimal(38, 6)) as opencost_gpu_seconds,
        cast(gpu_cost_usd as decimal(38, 12)) as gpu_cost_usd,
        cast(opencost_gpu_cost_usd as decimal(38, 12)) as opencost_gpu_cost_usd,
        cast(opencost_gpu_cost_usd - gpu_cost_usd as decimal(38, 12)) as difference_usd,
        cast(gpu_part_usd - gpu_cost_usd as decimal(38, 12)) as host_difference_usd,
        cast(opencost_hours_usd - gpu_part_usd as decimal(38, 12)) as hours_difference_usd,
        cast(opencost_gpu_cost_usd - opencost_hours_usd as decimal(38, 12)) as price_difference_usd
    from priced

)

select * from compared
