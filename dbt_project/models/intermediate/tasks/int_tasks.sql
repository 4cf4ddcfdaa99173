with reported as (

    select * from {{ ref('int_tasks_deduplicated') }}
    where {{ is_touched_task('task_id') }}

),

weekly_calls as (

    select * from {{ ref('int_task_calls_aggregated') }}
    where {{ is_week_of_touched_tasks('week_start') }} and {{ is_touched_task('task_id') }}

),

usage_days as (

    select * from {{ ref('int_usage_files_daily') }}

),

-- rules look at the end of the data, not at a clock: the same data gives the same outcomes
data_end as (

    select max(usage_date) as last_usage_date
    from usage_days

),

calls as (

    select
        task_id,
        min(tenant_id) as tenant_id,
        min(feature_id) as feature_id,
        min(task_type) as task_type,
        cast(sum(calls) as bigint) as calls,
        cast(sum(requests) as bigint) as requests,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens,
        cast(coalesce(sum(cost_usd), 0) as decimal(26, 12)) as cost_usd,
        min(first_call_at) as first_call_at,
        max(last_call_at) as last_call_at
    from weekly_calls
    group by task_id

),

models as (

    select
        task_id,
        model,
        reasoning_effort,
        cast(sum(cost_usd) as decimal(26, 12)) as cost_usd,
        cast(sum(calls) as bigint) as calls
    from weekly_calls
    group by task_id, model, reasoning_effort

),

-- which of equals is by name
ranked_models as (

    select
        *,
        row_number() over (
            partition by task_id
            order by
                cost_usd desc nulls last,
                calls desc nulls last,
                model asc nulls last,
                reasoning_effort asc nulls last
        ) as model_rank
    from models

),

joined as (

    select
        coalesce(reported.task_id, calls.task_id) as task_id,
        coalesce(reported.tenant_id, calls.tenant_id, 'unattributed') as tenant_id,
        coalesce(reported.feature_id, calls.feature_id, 'unattributed') as feature_id,
        coalesce(reported.task_type, calls.task_type, 'unattributed') as task_type,
        coalesce(reported.started_at, calls.first_call_at) as started_at,
        reported.ended_at as reported_ended_at,
        reported.outcome as reported_outcome,
        reported.reopened_at,
        coalesce(calls.calls, 0) as calls,
        coalesce(calls.requests, 0) as requests,
        coalesce(calls.unpriced_calls, 0) as unpriced_calls,
        coalesce(calls.unpriced_tokens, 0) as unpriced_tokens,
        coalesce(calls.cost_usd, 0) as cost_usd,
        calls.first_call_at,
        calls.last_call_at,
        coalesce(calls.last_call_at, reported.started_at) + interval 7 day as abandoned_at,
        coalesce(ranked_models.model, 'unattributed') as model,
        coalesce(ranked_models.reasoning_effort, 'not said') as reasoning_effort
    from reported
    full outer join calls on reported.task_id = calls.task_id
    left join ranked_models
        on
            coalesce(reported.task_id, calls.task_id) = ranked_models.task_id
            and ranked_models.model_rank = 1

),

observed as (

    select
        joined.*,
        reported_ended_at is not null
        and (last_call_at is null or reported_ended_at <= abandoned_at) as has_end_event
    from joined

),

ended as (

    select
        observed.*,
        case
            when observed.has_end_event then observed.reported_ended_at
            when cast(observed.abandoned_at as date) <= data_end.last_usage_date then observed.abandoned_at
        end as ended_at
    from observed
    cross join data_end

),

judged as (

    select
        ended.*,
        case
            when ended_at is null then 'open'
            when not has_end_event then 'abandoned'
            when reopened_at >= ended_at and reopened_at <= ended_at + interval 7 day then 'unresolved'
            else coalesce(reported_outcome, 'unknown')
        end as outcome
    from ended

),

-- tasks that ended together stand together, here and in fct_tasks, where readers ask for days, weeks and months
tasks as (

    select
        task_id,
        {{ row_hash('task_id') }} as task_key,
        tenant_id,
        feature_id,
        task_type,
        started_at,
        ended_at,
        cast(ended_at as date) as ended_date,
        cast(date_trunc('week', ended_at) as date) as ended_week_start,
        outcome,
        outcome = 'resolved' as is_resolved,
        outcome in ('resolved', 'unresolved', 'abandoned') as is_outcome_known,
        cast(calls as bigint) as calls,
        cast(requests as bigint) as requests,
        cast(cost_usd as decimal(38, 12)) as cost_usd,
        cast(unpriced_calls as bigint) as unpriced_calls,
        cast(unpriced_tokens as bigint) as unpriced_tokens,
        first_call_at,
        last_call_at,
        model,
        reasoning_effort
    from judged
    order by ended_date asc nulls last

)

select * from tasks
