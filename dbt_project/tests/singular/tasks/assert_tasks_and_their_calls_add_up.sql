-- every call with a task is in exactly one task, at its cost, and every ended task in exactly one row of the mart
{%- set weight = 'cast(mod(' ~ row_hash('task_id') ~ ', 997) as decimal(4, 0))' %}
with totals as (

    select
        'int_task_calls_aggregated' as counted_in,
        (
            select coalesce(sum(cost_usd), 0)
            from {{ ref('int_task_calls_aggregated') }}
            where {{ calls_are_there('week_start') }}
        ) as found,
        (
            select coalesce(sum(effective_cost_usd), 0)
            from {{ ref('fct_usage') }}
            where task_id is not null
        ) as expected

    union all

    select
        'fct_tasks' as counted_in,
        (select coalesce(sum(cost_usd), 0) from {{ ref('fct_tasks') }}) as found,
        (select coalesce(sum(cost_usd), 0) from {{ ref('int_task_calls_aggregated') }}) as expected

    union all

    -- by tasks, which weigh differently: a cost too many of one and too few of another do not make up for each other
    select
        'fct_tasks, task by task' as counted_in,
        (select coalesce(sum(cast(cost_usd as decimal(26, 12)) * {{ weight }}), 0) from {{ ref('fct_tasks') }}) as found,
        (select coalesce(sum(cost_usd * {{ weight }}), 0) from {{ ref('int_task_calls_aggregated') }}) as expected

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
