{%- do comes_after('int_gpu_cost_days') -%}
{%- do comes_after('int_anchor_groups_carried') -%}
with calls as (

    select * from {{ ref('int_gpu_calls') }}
    where {{ is_touched('anything', 'usage_date') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

hours as (

    select * from {{ ref('int_gpu_hours') }}

),

engine_tokens as (

    select * from {{ ref('int_gpu_engine_tokens_hourly') }}

),

-- Deployments of one model on one day share a pool; the first stands for them.
ranked_deployments as (

    select
        *,
        row_number() over (
            partition by usage_date, service_provider, model
            order by deployment_id asc nulls last, node_id asc nulls last
        ) as deployment_number
    from deployment_days

),

weighted as (

    select
        calls.call_id,
        calls.hour_start,
        calls.usage_date,
        ranked_deployments.pool_id,
        ranked_deployments.deployment_id,
        cast(
            case
                when calls.used_gpu
                    then
                        cast(calls.input_uncached_tokens as decimal(15, 0)) * ranked_deployments.input_weight
                        + cast(calls.cache_read_tokens as decimal(15, 0)) * ranked_deployments.cache_read_weight
                        + cast(calls.output_tokens as decimal(15, 0)) * ranked_deployments.output_weight
                else 0
            end as decimal(26, 6)
        ) as weighted_tokens,
        cast(
            case
                when calls.used_gpu then cast(calls.output_tokens as decimal(15, 0)) * ranked_deployments.output_weight
                else 0
            end as decimal(26, 6)
        ) as weighted_output_tokens
    from calls
    left join ranked_deployments
        on
            calls.usage_date = ranked_deployments.usage_date
            and calls.service_provider = ranked_deployments.service_provider
            and calls.model = ranked_deployments.model
            and ranked_deployments.deployment_number = 1

),

pool_hours as (

    select
        hour_start,
        pool_id,
        cast(sum(busy_cost_usd) as decimal(26, 12)) as busy_cost_usd
    from hours
    group by hour_start, pool_id

),

logged as (

    select
        hour_start,
        pool_id,
        cast(sum(weighted_tokens) as decimal(26, 6)) as logged_tokens,
        min(case when weighted_tokens > 0 then call_id end) as first_call_id
    from weighted
    group by hour_start, pool_id

),

counted as (

    select
        hour_start,
        pool_id,
        cast(sum(weighted_tokens) as decimal(26, 6)) as engine_tokens
    from engine_tokens
    group by hour_start, pool_id

),

-- What the engine counted beyond the log went past the gateway: its share of the money stays with nobody.
shared_hours as (

    select
        pool_hours.hour_start,
        pool_hours.pool_id,
        pool_hours.busy_cost_usd,
        logged.first_call_id,
        greatest(logged.logged_tokens, coalesce(counted.engine_tokens, 0)) as served_tokens,
        logged.logged_tokens >= coalesce(counted.engine_tokens, 0) as is_all_logged
    from pool_hours
    inner join logged
        on
            pool_hours.hour_start = logged.hour_start
            and pool_hours.pool_id = logged.pool_id
    left join counted
        on
            pool_hours.hour_start = counted.hour_start
            and pool_hours.pool_id = counted.pool_id

),

shared as (

    select
        weighted.call_id,
        weighted.hour_start,
        weighted.usage_date,
        case when shared_hours.pool_id is not null then weighted.pool_id end as pool_id,
        weighted.deployment_id,
        weighted.weighted_tokens,
        weighted.weighted_output_tokens,
        shared_hours.busy_cost_usd,
        shared_hours.is_all_logged and weighted.call_id = shared_hours.first_call_id as takes_leftover,
        case
            when shared_hours.pool_id is null then null
            when weighted.weighted_tokens > 0
                then {{ divide_exact('shared_hours.busy_cost_usd', 'weighted.weighted_tokens', 'shared_hours.served_tokens') }}
            else cast(0 as decimal(26, 12))
        end as shared_cost_usd
    from weighted
    left join shared_hours
        on
            weighted.hour_start = shared_hours.hour_start
            and weighted.pool_id = shared_hours.pool_id

),

leftovers as (

    select
        hour_start,
        pool_id,
        cast(max(busy_cost_usd) - sum(shared_cost_usd) as decimal(26, 12)) as leftover_usd
    from shared
    where pool_id is not null
    group by hour_start, pool_id

),

costed as (

    select
        shared.call_id,
        shared.usage_date,
        'gpu:' || shared.pool_id || ':' || cast(shared.usage_date as {{ dbt.type_string() }}) || ':busy' as charge_id,
        shared.hour_start,
        shared.pool_id,
        shared.deployment_id,
        shared.weighted_tokens,
        shared.weighted_output_tokens,
        cast(
            shared.shared_cost_usd + case when shared.takes_leftover then leftovers.leftover_usd else 0 end
            as decimal(26, 12)
        ) as billed_cost_usd
    from shared
    left join leftovers
        on
            shared.hour_start = leftovers.hour_start
            and shared.pool_id = leftovers.pool_id

)

select * from costed
