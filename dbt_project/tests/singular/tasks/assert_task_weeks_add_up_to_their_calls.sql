-- every call with a task is in exactly one week of one task, at its cost
with task_weeks as (

    select
        week_start,
        sum(calls) as calls,
        sum(cost_usd) as cost_usd
    from {{ ref('int_task_calls_aggregated') }}
    where {{ is_touched_week('anything', 'week_start') }}
    group by week_start

),

usage as (

    select
        week_start,
        count(*) as calls,
        sum(effective_cost_usd) as cost_usd
    from {{ ref('fct_usage') }}
    where task_id is not null and {{ is_touched_week('anything', 'week_start') }}
    group by week_start

)

select
    week_start,
    task_weeks.cost_usd as found_usd,
    usage.cost_usd as expected_usd
from task_weeks
full outer join usage using (week_start)
where
    coalesce(task_weeks.calls, 0) <> coalesce(usage.calls, 0)
    or coalesce(task_weeks.cost_usd, 0) <> coalesce(usage.cost_usd, 0)
