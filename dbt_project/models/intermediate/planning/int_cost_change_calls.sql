with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

-- a call without a task is a piece of work by itself
calls as (

    select
        week_start,
        tenant_id,
        product_id,
        feature_id,
        service_provider,
        host,
        coalesce(model, 'unattributed') as model,
        count(distinct case
            when pricing_status = 'priced' and superseded_as is null and not is_failed_last
                then coalesce(task_id, logical_request_id)
        end) as tasks,
        cast(sum(list_cost_usd) filter (
            where pricing_status = 'priced' and superseded_as is null and not is_failed_last
        ) as decimal(26, 12)) as list_usd,
        cast(sum(effective_cost_usd) filter (
            where pricing_status = 'priced' and superseded_as is null and not is_failed_last
        ) as decimal(26, 12)) as served_usd,
        cast(sum(effective_cost_usd) filter (where superseded_as is not null or is_failed_last) as decimal(26, 12)) as repeated_usd
    from usage
    group by week_start, tenant_id, product_id, feature_id, service_provider, host, coalesce(model, 'unattributed')

)

select * from calls
