{#-
Every call is in exactly one task or of none, at its cost, every task in the mart at the cost of its calls, and every ended one in
exactly one row of the weekly mart. Sums are of everything; what has to be read by its task's id is of what the run touches.
A table is named again in each step: a CTE named twice DuckDB reads once, whole, and with the columns of both.
-#}
{%- set part = 'mod(' ~ row_hash('task_id') ~ ', 997)' %}
with calls_by_week as (

    select
        week_start,
        -- not a `where`: of tens of millions of calls, DuckDB takes twice as long to leave those without a task out as to read them
        sum(case when task_id is not null then effective_cost_usd end) as cost_usd
    from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}
    group by week_start

),

aggregated_by_week as (

    select
        week_start,
        sum(cost_usd) as cost_usd
    from {{ ref('int_task_calls_aggregated') }}
    where {{ is_touched_week('anything', 'week_start') }} and {{ calls_are_there('week_start') }}
    group by week_start

),

-- in parts of the tasks: a cost too many of one and too few of another do not make up for each other
aggregated_by_part as (

    select
        {{ part }} as part,
        sum(cost_usd) as cost_usd
    from {{ ref('int_task_calls_aggregated') }}
    where {{ is_touched_week('tasks', 'week_start') }} and {{ is_touched_task('task_id') }}
    group by {{ part }}

),

tasks_by_part as (

    select
        {{ part }} as part,
        sum(cost_usd) as cost_usd
    from {{ ref('fct_tasks') }}
    where {{ is_since_touched_week('tasks', 'last_call_at') }} and {{ is_touched_task('task_id') }}
    group by {{ part }}

),

calls as (

    select coalesce(sum(effective_cost_usd), 0) as cost_usd
    from {{ ref('fct_usage') }}

),

aggregated as (

    select
        coalesce(sum(cost_usd), 0) as cost_usd,
        coalesce(sum(case when {{ calls_are_there('week_start') }} then cost_usd end), 0) as cost_of_calls_usd
    from {{ ref('int_task_calls_aggregated') }}

),

calls_without_task as (

    select coalesce(sum(cost_usd), 0) as cost_usd
    from {{ ref('int_no_task_costs_weekly') }}
    where {{ calls_are_there('week_start') }}

),

tasks as (

    select
        coalesce(sum(cost_usd), 0) as cost_usd,
        count(ended_at) as ended_tasks
    from {{ ref('fct_tasks') }}

),

ended_tasks as (

    select coalesce(sum(tasks), 0) as tasks
    from {{ ref('cost_per_task_weekly') }}

),

totals as (

    select
        'all calls' as counted_in,
        aggregated.cost_of_calls_usd + calls_without_task.cost_usd as found,
        calls.cost_usd as expected
    from aggregated
    cross join calls_without_task
    cross join calls

    union all

    select
        'calls with a task of a week' as counted_in,
        coalesce(aggregated_by_week.cost_usd, 0) as found,
        coalesce(calls_by_week.cost_usd, 0) as expected
    from aggregated_by_week
    full outer join calls_by_week on aggregated_by_week.week_start = calls_by_week.week_start

    union all

    select
        'all tasks' as counted_in,
        tasks.cost_usd as found,
        aggregated.cost_usd as expected
    from tasks
    cross join aggregated

    union all

    select
        'fct_tasks' as counted_in,
        coalesce(tasks_by_part.cost_usd, 0) as found,
        coalesce(aggregated_by_part.cost_usd, 0) as expected
    from tasks_by_part
    full outer join aggregated_by_part on tasks_by_part.part = aggregated_by_part.part

    union all

    select
        'cost_per_task_weekly' as counted_in,
        ended_tasks.tasks as found,
        tasks.ended_tasks as expected
    from ended_tasks
    cross join tasks

)

select *
from totals
where found <> expected
