-- every row of the bridge adds up, and the cost of the week is that of its calls
with tasks as (

    select * from {{ ref('cost_per_task_weekly') }}
    where {{ is_touched_week('tasks', 'week_start') }}

),

usage as (

    select
        week_start,
        sum(effective_cost_usd) as cost_usd
    from {{ ref('fct_usage') }}
    where {{ is_touched_week('tasks', 'week_start') }}
    group by week_start

),

weeks as (

    select
        week_start,
        count(*) filter (
            where period_cost_usd <> tasks_ended_cost_usd - tasks_ended_cost_in_other_periods_usd + open_tasks_cost_usd + no_task_cost_usd
        ) as rows_that_differ,
        sum(period_cost_usd) as period_cost_usd
    from tasks
    group by week_start

)

select
    week_start,
    weeks.rows_that_differ,
    weeks.period_cost_usd,
    usage.cost_usd
from weeks
full outer join usage using (week_start)
where
    weeks.rows_that_differ > 0
    or coalesce(weeks.period_cost_usd, 0) <> coalesce(usage.cost_usd, 0)
