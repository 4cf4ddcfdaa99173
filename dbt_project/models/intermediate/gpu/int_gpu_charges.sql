with hours as (

    select * from {{ ref('int_gpu_hours') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

pool_days as (

    select
        usage_date,
        pool_id,
        service_provider,
        billing_account_id,
        cast(sum(busy_seconds) as decimal(26, 6)) as busy_seconds,
        cast(sum(provisioned_seconds) as decimal(26, 6)) as provisioned_seconds,
        cast(sum(busy_cost_usd) as decimal(26, 12)) as busy_cost_usd,
        cast(sum(cost_usd) as decimal(26, 12)) as cost_usd
    from hours
    group by usage_date, pool_id, service_provider, billing_account_id

),

served as (

    select
        usage_date,
        pool_id,
        min(model) as first_model,
        max(model) as last_model,
        min(deployment_id) as first_deployment_id,
        max(deployment_id) as last_deployment_id
    from deployment_days
    group by usage_date, pool_id

),

named as (

    select
        pool_days.*,
        case
            when served.first_model = served.last_model then served.first_model
            when served.first_model is null then 'unattributed'
            else 'shared'
        end as model,
        case
            when served.first_deployment_id = served.last_deployment_id then served.first_deployment_id
            when served.first_deployment_id is null then 'unattributed'
            else 'shared'
        end as deployment_id
    from pool_days
    left join served
        on
            pool_days.usage_date = served.usage_date
            and pool_days.pool_id = served.pool_id

),

charges as (

    select
        'gpu:' || pool_id || ':' || cast(usage_date as {{ dbt.type_string() }}) || ':busy' as charge_id,
        usage_date,
        pool_id,
        service_provider,
        billing_account_id,
        'self_hosted' as host,
        model,
        deployment_id,
        'gpu_busy' as charge_category,
        cast(busy_seconds as decimal(26, 6)) as gpu_seconds,
        busy_cost_usd as amount_usd
    from named
    union all
    select
        'gpu:' || pool_id || ':' || cast(usage_date as {{ dbt.type_string() }}) || ':idle' as charge_id,
        usage_date,
        pool_id,
        service_provider,
        billing_account_id,
        'self_hosted' as host,
        model,
        deployment_id,
        'gpu_idle' as charge_category,
        cast(provisioned_seconds - busy_seconds as decimal(26, 6)) as gpu_seconds,
        cast(cost_usd - busy_cost_usd as decimal(26, 12)) as amount_usd
    from named

)

select * from charges
