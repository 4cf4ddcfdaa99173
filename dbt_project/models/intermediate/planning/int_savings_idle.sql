with usage as (

    select * from {{ ref('int_usage_accounts_hourly') }}

),

gpu_hours as (

    select * from {{ ref('gpu_cost_hourly') }}

),

served as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        service_provider,
        cast(sum(self_hosted_tokens) as bigint) as tokens
    from usage
    group by cast(date_trunc('week', usage_date) as date), service_provider

),

hours as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        service_provider,
        min(case when deployment_id <> 'unattributed' then deployment_id end) as first_deployment_id,
        max(case when deployment_id <> 'unattributed' then deployment_id end) as last_deployment_id,
        cast(sum(provisioned_seconds) as double) as provisioned_seconds,
        cast(sum(covered_seconds) as double) as covered_seconds,
        cast(sum(busy_seconds) as double) as busy_seconds,
        cast(sum(warm_idle_seconds) as double) as warm_idle_seconds,
        cast(sum(cost_usd) as decimal(26, 12)) as cost_usd,
        cast(sum(warm_idle_cost_usd) as decimal(26, 12)) as warm_idle_cost_usd,
        cast(
            sum(
                cast(warm_idle_cost_usd as decimal(26, 12)) + cast(reserved_unused_cost_usd as decimal(26, 12))
                + cast(unallocated_cost_usd as decimal(26, 12))
            ) as decimal(26, 12)
        ) as idle_cost_usd
    from gpu_hours
    group by cast(date_trunc('week', usage_date) as date), service_provider

),

idle as (

    select
        hours.week_start,
        hours.service_provider,
        hours.cost_usd,
        hours.warm_idle_cost_usd,
        hours.idle_cost_usd,
        -- Whose idle hours they are is known where one deployment serves; what telemetry did not see is taken as used alike.
        case
            when hours.first_deployment_id = hours.last_deployment_id and hours.last_deployment_id <> 'shared'
                then
                    cast(
                        floor(coalesce(
                            served.tokens * hours.covered_seconds / nullif(hours.provisioned_seconds, 0)
                            * hours.warm_idle_seconds / nullif(hours.busy_seconds, 0), 0
                        )) as bigint
                    )
            else 0
        end as idle_tokens
    from hours
    left join served
        on
            hours.week_start = served.week_start
            and hours.service_provider = served.service_provider

)

select * from idle
