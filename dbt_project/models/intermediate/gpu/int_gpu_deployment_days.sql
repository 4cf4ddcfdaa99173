with node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

shares as (

    select * from {{ ref('int_gpu_node_shares') }}

),

deployments as (

    select * from {{ ref('stg_config__gpu_deployments') }}

),

slices_bound as (

    select * from {{ ref('int_gpu_slices_bound') }}

),

bound_slices as (

    select
        usage_date,
        node_id,
        deployment_id,
        gpu_id,
        total_slices,
        cast(sum(ends_at - begins_at) as integer) as slices
    from slices_bound
    group by usage_date, node_id, deployment_id, gpu_id, total_slices

),

bound_gpus as (

    select
        usage_date,
        node_id,
        deployment_id,
        cast(sum({{ divide_exact('1', 'slices', 'total_slices', 6, 0) }}) as decimal(9, 6)) as gpus
    from bound_slices
    group by usage_date, node_id, deployment_id

),

deployed as (

    select
        node_days.usage_date,
        node_days.node_id,
        shares.share_id,
        shares.pool_id,
        node_days.service_provider,
        node_days.billing_account_id,
        deployments.deployment_id,
        -- Where deployments share a node by their tokens nobody has said which of its GPUs are whose.
        case
            when deployments.is_bound then coalesce(bound_gpus.gpus, 0)
            when deployments.gpus is not null
                then cast(
                    {{ divide_exact('node_days.gpus', 'shares.ends_at - shares.begins_at', 'shares.total_millionths', 6, 0) }}
                    as decimal(9, 6)
                )
            when count(*) over (partition by node_days.usage_date, node_days.node_id) = 1
                then cast(node_days.gpus as decimal(9, 6))
        end as gpus,
        deployments.model_id,
        deployments.model,
        deployments.input_weight,
        deployments.cache_read_weight,
        deployments.output_weight,
        deployments.sustainable_tokens_per_second
    from node_days
    inner join deployments
        on
            node_days.node_id = deployments.node_id
            and node_days.usage_date >= deployments.valid_from
            and node_days.usage_date < deployments.valid_to
    inner join shares
        on
            node_days.usage_date = shares.usage_date
            and node_days.node_id = shares.node_id
            and case
                when deployments.gpus is null and not deployments.is_bound then 'whole'
                else deployments.deployment_id
            end = shares.share_id
    left join bound_gpus
        on
            node_days.usage_date = bound_gpus.usage_date
            and node_days.node_id = bound_gpus.node_id
            and deployments.deployment_id = bound_gpus.deployment_id

)

select * from deployed
