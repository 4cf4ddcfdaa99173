{%- set cell = ['week_start', 'tenant_id', 'product_id', 'feature_id', 'service_provider', 'host', 'model'] | join(', ') -%}
with usage as (

    select * from {{ ref('fct_usage') }}

),

classes as (

    select * from {{ ref('int_cost_change_classes') }}

),

economics as (

    select * from {{ ref('unit_economics_weekly') }}

),

totals as (

    select
        {{ cell }},
        cast(sum(effective_cost_usd) as decimal(26, 12)) as cost_usd,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens
    from economics
    group by {{ cell }}

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

),

plain as (

    select
        {{ cell }},
        cast(sum(plain_list_usd) as decimal(26, 12)) as plain_list_usd
    from classes
    group by {{ cell }}

),

cells as (

    select
        {{ cell }},
        cast(coalesce(calls.tasks, 0) as bigint) as tasks,
        cast(coalesce(plain.plain_list_usd, 0) as decimal(26, 12)) as plain_list_usd,
        cast(coalesce(calls.list_usd, 0) as decimal(26, 12)) as list_usd,
        cast(coalesce(calls.served_usd, 0) as decimal(26, 12)) as served_usd,
        cast(coalesce(calls.repeated_usd, 0) as decimal(26, 12)) as repeated_usd,
        cast(
            coalesce(totals.cost_usd, 0) - coalesce(calls.served_usd, 0) - coalesce(calls.repeated_usd, 0) as decimal(26, 12)
        ) as other_usd,
        cast(coalesce(totals.cost_usd, 0) as decimal(26, 12)) as cost_usd,
        coalesce(totals.unpriced_calls, 0) as unpriced_calls,
        coalesce(totals.unpriced_tokens, 0) as unpriced_tokens
    from totals
    full outer join calls using ({{ cell }})
    left join plain using ({{ cell }})

)

select * from cells
