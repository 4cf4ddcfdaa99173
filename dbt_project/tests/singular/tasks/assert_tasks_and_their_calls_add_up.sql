-- every call with a task is in exactly one task, and every ended task in exactly one row of the mart
with totals as (

    select
        'fct_tasks' as counted_in,
        (select coalesce(sum(cost_usd), 0) from {{ ref('fct_tasks') }}) as found,
        (
            select coalesce(sum(effective_cost_usd), 0)
            from {{ ref('fct_usage') }}
            where task_id is not null
        ) as expected

    union all

    select
        'cost_per_task_weekly' as counted_in,
        (select coalesce(sum(tasks), 0) from {{ ref('cost_per_task_weekly') }}) as found,
        (
            select count(*)
            from {{ ref('fct_tasks') }}
            where ended_at is not null
        ) as expected

)

select *
from totals
where found <> expected
