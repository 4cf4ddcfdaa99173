with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

summed as (

    select
        week_start,
        tenant_id,
        feature_id,
        coalesce(task_type, 'unattributed') as task_type,
        cast(coalesce(sum(effective_cost_usd), 0) as decimal(26, 12)) as cost_usd
    from usage
    where task_id is null
    group by week_start, tenant_id, feature_id, coalesce(task_type, 'unattributed')

)

select * from summed
