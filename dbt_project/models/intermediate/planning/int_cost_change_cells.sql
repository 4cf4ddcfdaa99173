{%- set cell = ['week_start', 'tenant_id', 'product_id', 'feature_id', 'service_provider', 'host', 'model'] | join(', ') -%}
with calls as (

    select * from {{ ref('int_cost_change_calls') }}
    where {{ is_touched_week('allocations', 'week_start') }}

),

classes as (

    select * from {{ ref('int_cost_change_classes') }}
    where {{ is_touched_week('allocations', 'week_start') }}

),

economics as (

    select * from {{ ref('unit_economics_weekly') }}
    where {{ is_touched_week('allocations', 'week_start') }}

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
