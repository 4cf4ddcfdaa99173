with node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

shares as (

    select * from {{ ref('int_gpu_node_shares') }}

),

deployments as (

    select * from {{ ref('stg_config__gpu_deployments') }}

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
        coalesce(deployments.gpus, node_days.gpus) as gpus,
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
            and case when deployments.gpus is null then 'whole' else deployments.deployment_id end = shares.share_id

)

select * from deployed
