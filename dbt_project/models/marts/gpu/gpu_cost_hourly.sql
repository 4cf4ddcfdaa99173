with hours as (

    select * from {{ ref('int_gpu_hours') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

served as (

    select
        usage_date,
        node_id,
        min(deployment_id) as first_deployment_id,
        max(deployment_id) as last_deployment_id
    from deployment_days
    group by usage_date, node_id

),

named as (

    select
        hours.hour_start,
        hours.usage_date,
        hours.node_id,
        hours.gpu_id,
        hours.slice_id,
        hours.slice_profile,
        hours.share_id,
        case
            when hours.share_id in ('free', 'oversubscribed', 'unbound') then 'unattributed'
            when hours.share_id <> 'whole' then hours.share_id
            when served.first_deployment_id = served.last_deployment_id then served.first_deployment_id
            when served.first_deployment_id is null then 'unattributed'
            else 'shared'
        end as deployment_id,
        hours.service_provider,
        hours.billing_account_id,
        hours.provisioned_seconds,
        hours.covered_seconds,
        hours.busy_seconds,
        hours.warm_idle_seconds,
        hours.reserved_unused_seconds,
        hours.unallocated_seconds,
        hours.overhead_seconds,
        hours.unobserved_seconds,
        hours.oversubscribed_seconds,
        cast(hours.busy_seconds as double) / nullif(cast(hours.provisioned_seconds as double), 0) as utilisation,
        cast(hours.cost_usd as decimal(38, 12)) as cost_usd,
        cast(hours.busy_cost_usd as decimal(38, 12)) as busy_cost_usd,
        cast(hours.warm_idle_cost_usd as decimal(38, 12)) as warm_idle_cost_usd,
        cast(hours.reserved_unused_cost_usd as decimal(38, 12)) as reserved_unused_cost_usd,
        cast(hours.unallocated_cost_usd as decimal(38, 12)) as unallocated_cost_usd,
        cast(hours.overhead_cost_usd as decimal(38, 12)) as overhead_cost_usd,
        cast(hours.unobserved_cost_usd as decimal(38, 12)) as unobserved_cost_usd,
        cast({{ price_part('hours.cost_usd', 'gpus') }} as decimal(38, 12)) as gpu_part_usd,
        cast({{ price_part('hours.cost_usd', 'vcpus') }} as decimal(38, 12)) as cpu_part_usd,
        cast({{ price_part('hours.cost_usd', 'memory') }} as decimal(38, 12)) as memory_part_usd
    from hours
    inner join node_days
        on
            hours.usage_date = node_days.usage_date
            and hours.node_id = node_days.node_id
    left join served
        on
            hours.usage_date = served.usage_date
            and hours.node_id = served.node_id

)

select * from named
