-- every call with a task is in exactly one task, at its cost, and every ended task in exactly one row of the mart
{%- set part = 'mod(' ~ row_hash('task_id') ~ ', 997)' %}
with calls as (

    -- no `where`: of tens of millions of calls, DuckDB takes twice as long to leave those without a task out as to read them
    select sum(case when task_id is not null then effective_cost_usd end) as cost_usd
    from {{ ref('fct_usage') }}

),

-- in parts of the tasks: a cost too many of one and too few of another do not make up for each other
aggregated as (

    select
        {{ part }} as part,
        sum(cost_usd) as cost_usd,
        sum(case when {{ calls_are_there('week_start') }} then cost_usd end) as cost_of_calls_usd
    from {{ ref('int_task_calls_aggregated') }}
    group by 1

),

tasks as (

    select
        {{ part }} as part,
        sum(cost_usd) as cost_usd,
        count(ended_at) as ended_tasks
    from {{ ref('fct_tasks') }}
    group by 1

),

totals as (

    select
        'int_task_calls_aggregated' as counted_in,
        (select coalesce(sum(cost_of_calls_usd), 0) from aggregated) as found,
        (select coalesce(cost_usd, 0) from calls) as expected

    union all

    select
        'fct_tasks' as counted_in,
        coalesce(tasks.cost_usd, 0) as found,
        coalesce(aggregated.cost_usd, 0) as expected
    from tasks
    full outer join aggregated on tasks.part = aggregated.part

    union all

    select
        'cost_per_task_weekly' as counted_in,
        (select coalesce(sum(tasks), 0) from {{ ref('cost_per_task_weekly') }}) as found,
        (select coalesce(sum(ended_tasks), 0) from tasks) as expected

)

select *
from totals
where found <> expected
