with tasks as (

    select
        task_id,
        tenant_id,
        feature_id,
        task_type,
        started_at,
        ended_at,
        ended_date,
        ended_week_start,
        outcome,
        is_resolved,
        is_outcome_known,
        calls,
        requests,
        cost_usd,
        unpriced_calls,
        unpriced_tokens,
        first_call_at,
        last_call_at,
        model,
        reasoning_effort
    from {{ ref('int_tasks') }}
    where {{ is_touched('tasks', 'ended_date') }} or ended_date is null

)

select * from tasks
