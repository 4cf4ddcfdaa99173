with task_weeks as (

    select * from {{ ref('int_task_calls_aggregated') }}
    where {{ is_touched_week('tasks', 'week_start') }}

),

tasks as (

    select * from {{ ref('fct_tasks') }}
    where {{ is_touched_week('tasks', 'ended_week_start') }}

),

tasks_of_calls as (

    select * from {{ ref('fct_tasks') }}
    where {{ is_since_touched_week('tasks', 'last_call_at') }}

),

costs_without_task as (

    select * from {{ ref('int_no_task_costs_weekly') }}
    where {{ is_touched_week('tasks', 'week_start') }}

),

remediation as (

    select * from {{ ref('stg_config__tco_remediation') }}

),

-- a call of a task counts where its task counts, so that the bridge closes in every row
task_costs as (

    select
        tasks_of_calls.tenant_id,
        tasks_of_calls.feature_id,
        tasks_of_calls.task_type,
        tasks_of_calls.ended_week_start,
        task_weeks.week_start,
        coalesce(task_weeks.cost_usd, 0) as cost_usd
    from task_weeks
    inner join tasks_of_calls on task_weeks.task_id = tasks_of_calls.task_id

),

bridge_parts as (

    select
        week_start,
        tenant_id,
        feature_id,
        task_type,
        cost_usd as period_cost_usd,
        cast(0 as decimal(26, 12)) as other_periods_cost_usd,
        cast(0 as decimal(26, 12)) as open_tasks_cost_usd,
        cost_usd as no_task_cost_usd
    from costs_without_task

    union all

    select
        week_start,
        tenant_id,
        feature_id,
        task_type,
        cost_usd as period_cost_usd,
        -- of a task's whole cost, below, what is not of other weeks than the one it ended in
        case
            when ended_week_start = week_start then cast(-cost_usd as decimal(26, 12))
            else cast(0 as decimal(26, 12))
        end as other_periods_cost_usd,
        case
            when ended_week_start = week_start then cast(0 as decimal(26, 12))
            else cost_usd
        end as open_tasks_cost_usd,
        cast(0 as decimal(26, 12)) as no_task_cost_usd
    from task_costs

    union all

    select
        ended_week_start as week_start,
        tenant_id,
        feature_id,
        task_type,
        cast(0 as decimal(26, 12)) as period_cost_usd,
        cast(cost_usd as decimal(26, 12)) as other_periods_cost_usd,
        cast(0 as decimal(26, 12)) as open_tasks_cost_usd,
        cast(0 as decimal(26, 12)) as no_task_cost_usd
    from tasks
    where ended_week_start is not null

),

bridges as (

    select
        week_start,
        tenant_id,
        feature_id,
        task_type,
        cast(sum(period_cost_usd) as decimal(26, 12)) as period_cost_usd,
        cast(sum(other_periods_cost_usd) as decimal(26, 12)) as tasks_ended_cost_in_other_periods_usd,
        cast(sum(open_tasks_cost_usd) as decimal(26, 12)) as open_tasks_cost_usd,
        cast(sum(no_task_cost_usd) as decimal(26, 12)) as no_task_cost_usd
    from bridge_parts
    group by week_start, tenant_id, feature_id, task_type

),

-- whoever says how a task ended judges its answer; what a wrong one costs to put right is by feature
ended_tasks as (

    select
        tasks.ended_week_start as week_start,
        tasks.tenant_id,
        tasks.feature_id,
        tasks.task_type,
        tasks.is_resolved,
        tasks.is_outcome_known,
        tasks.is_outcome_known and not tasks.is_resolved as is_wrong,
        remediation.usd_per_wrong_answer,
        tasks.calls,
        tasks.unpriced_calls,
        tasks.unpriced_tokens,
        cast(tasks.cost_usd as decimal(26, 12)) as cost_usd,
        row_number() over (
            partition by tasks.ended_week_start, tasks.tenant_id, tasks.feature_id, tasks.task_type
            order by tasks.cost_usd desc nulls last, tasks.task_id asc nulls last
        ) as cost_rank,
        count(*) over (partition by tasks.ended_week_start, tasks.tenant_id, tasks.feature_id, tasks.task_type) as group_tasks
    from tasks
    left join remediation
        on
            tasks.feature_id = remediation.feature_id
            and cast(tasks.ended_at as date) >= remediation.valid_from
            and cast(tasks.ended_at as date) < remediation.valid_to
    where tasks.ended_at is not null

),

task_statistics as (

    select
        week_start,
        tenant_id,
        feature_id,
        task_type,
        count(*) as tasks,
        count(*) filter (where is_resolved) as resolved_tasks,
        count(*) filter (where is_outcome_known) as outcome_known_tasks,
        cast(sum(calls) as bigint) as calls,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens,
        cast(sum(cost_usd) as decimal(26, 12)) as tasks_cost_usd,
        cast(sum(cost_usd) filter (where is_outcome_known) as decimal(26, 12)) as outcome_known_cost_usd,
        count(*) filter (where is_wrong and usd_per_wrong_answer is null) as unvalued_wrong_answers,
        cast(coalesce(sum(case when is_wrong then usd_per_wrong_answer end), 0) as decimal(26, 12)) as remediation_usd,
        -- the dearest 1 %, at least one task
        cast(sum(cost_usd) filter (where (cost_rank - 1) * 100 < group_tasks) as decimal(26, 12)) as top_1pct_cost_usd,
        percentile_cont(0.5) within group (order by cast(cost_usd as double)) as cost_per_task_p50_usd,
        percentile_cont(0.95) within group (order by cast(cost_usd as double)) as cost_per_task_p95_usd,
        percentile_cont(0.99) within group (order by cast(cost_usd as double)) as cost_per_task_p99_usd
    from ended_tasks
    group by week_start, tenant_id, feature_id, task_type

),

joined as (

    select
        coalesce(bridges.week_start, task_statistics.week_start) as week_start,
        coalesce(bridges.tenant_id, task_statistics.tenant_id) as tenant_id,
        coalesce(bridges.feature_id, task_statistics.feature_id) as feature_id,
        coalesce(bridges.task_type, task_statistics.task_type) as task_type,
        coalesce(task_statistics.tasks, 0) as tasks,
        coalesce(task_statistics.resolved_tasks, 0) as resolved_tasks,
        coalesce(task_statistics.outcome_known_tasks, 0) as outcome_known_tasks,
        coalesce(task_statistics.tasks_cost_usd, 0) as tasks_cost_usd,
        task_statistics.outcome_known_cost_usd,
        task_statistics.unvalued_wrong_answers,
        task_statistics.remediation_usd,
        task_statistics.top_1pct_cost_usd,
        task_statistics.cost_per_task_p50_usd,
        task_statistics.cost_per_task_p95_usd,
        task_statistics.cost_per_task_p99_usd,
        coalesce(task_statistics.calls, 0) as calls,
        coalesce(task_statistics.unpriced_calls, 0) as unpriced_calls,
        coalesce(task_statistics.unpriced_tokens, 0) as unpriced_tokens,
        coalesce(bridges.period_cost_usd, 0) as period_cost_usd,
        coalesce(bridges.tasks_ended_cost_in_other_periods_usd, 0) as tasks_ended_cost_in_other_periods_usd,
        coalesce(bridges.open_tasks_cost_usd, 0) as open_tasks_cost_usd,
        coalesce(bridges.no_task_cost_usd, 0) as no_task_cost_usd
    from bridges
    full outer join task_statistics
        on
            bridges.week_start = task_statistics.week_start
            and bridges.tenant_id = task_statistics.tenant_id
            and bridges.feature_id = task_statistics.feature_id
            and bridges.task_type = task_statistics.task_type

),

final as (

    select
        week_start,
        tenant_id,
        feature_id,
        task_type,
        cast(tasks as bigint) as tasks,
        cast(resolved_tasks as bigint) as resolved_tasks,
        cast(outcome_known_tasks as bigint) as outcome_known_tasks,
        cast(outcome_known_tasks as double) / nullif(tasks, 0) as outcome_coverage,
        cast(tasks_cost_usd as decimal(38, 12)) as tasks_cost_usd,
        cast(tasks_cost_usd as double) / nullif(tasks, 0) as cost_per_task_usd,
        cast(cost_per_task_p50_usd as double) as cost_per_task_p50_usd,
        cast(cost_per_task_p95_usd as double) as cost_per_task_p95_usd,
        cast(cost_per_task_p99_usd as double) as cost_per_task_p99_usd,
        cast(top_1pct_cost_usd as double) / nullif(cast(tasks_cost_usd as double), 0) as top_1pct_cost_share,
        cast(outcome_known_cost_usd as double) / nullif(resolved_tasks, 0) as cost_per_resolved_task_usd,
        cast(resolved_tasks as double) / nullif(outcome_known_tasks, 0) as correct_answer_rate,
        -- (cost per answer + (1 - p) x remediation) / p, in sums
        case
            when outcome_known_tasks >= 30 and unvalued_wrong_answers = 0
                then cast(outcome_known_cost_usd + remediation_usd as double) / nullif(resolved_tasks, 0)
        end as cost_per_correct_answer_usd,
        cast(calls as bigint) as calls,
        cast(calls as double) / nullif(tasks, 0) as calls_per_task,
        cast(unpriced_calls as bigint) as unpriced_calls,
        cast(unpriced_tokens as bigint) as unpriced_tokens,
        cast(period_cost_usd as decimal(38, 12)) as period_cost_usd,
        cast(tasks_cost_usd as decimal(38, 12)) as tasks_ended_cost_usd,
        cast(tasks_ended_cost_in_other_periods_usd as decimal(38, 12)) as tasks_ended_cost_in_other_periods_usd,
        cast(open_tasks_cost_usd as decimal(38, 12)) as open_tasks_cost_usd,
        cast(no_task_cost_usd as decimal(38, 12)) as no_task_cost_usd
    from joined

)

select * from final
