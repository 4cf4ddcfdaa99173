with calls as (

    select * from {{ ref('fct_usage') }}
    where task_id is not null and {{ is_touched_week('anything', 'week_start') }}

),

aggregated as (

    select
        task_id,
        week_start,
        coalesce(model, 'unattributed') as model,
        coalesce(reasoning_effort, 'not said') as reasoning_effort,
        -- calls of one task rarely disagree; min makes the choice the same in every run
        min(tenant_id) filter (where tenant_id <> 'unattributed') as tenant_id,
        min(feature_id) filter (where feature_id <> 'unattributed') as feature_id,
        min(task_type) filter (where task_type <> 'unattributed') as task_type,
        count(*) as calls,
        count(*) filter (where is_last_attempt) as requests,
        count(*) filter (where pricing_status = 'unpriced') as unpriced_calls,
        cast(
            coalesce(sum(total_input_tokens + total_output_tokens) filter (where pricing_status = 'unpriced'), 0)
            as bigint
        ) as unpriced_tokens,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as cost_usd,
        min(started_at) as first_call_at,
        max(started_at) as last_call_at
    from calls
    group by task_id, week_start, coalesce(model, 'unattributed'), coalesce(reasoning_effort, 'not said')

)

select * from aggregated
