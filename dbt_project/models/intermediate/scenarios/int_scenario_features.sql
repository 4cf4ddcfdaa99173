with usage as (

    select * from {{ ref('fct_usage') }}

),

tasks as (

    select * from {{ ref('fct_tasks') }}

),

features as (

    select distinct feature_id
    from {{ ref('stg_config__scenario_alternatives') }}

),

calls as (

    select
        usage.feature_id,
        cast(date_trunc('month', usage.usage_date) as date) as month_start,
        usage.call_id,
        usage.task_id,
        usage.is_last_attempt,
        usage.effective_cost_usd,
        usage.latency_seconds,
        case when {{ is_taken_by_another('usage') }} then false else true end as stays
    from usage
    inner join features
        on usage.feature_id = features.feature_id

),

measured as (

    select
        feature_id,
        month_start,
        count(*) as calls,
        count(distinct task_id) as tasks,
        count(*) filter (where is_last_attempt) as requests,
        count(*) filter (where effective_cost_usd is null) as unpriced_calls,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as priced_cost_usd,
        count(*) filter (where stays) as staying_calls,
        count(*) filter (where stays and effective_cost_usd is null) as unpriced_staying_calls,
        cast(coalesce(sum(effective_cost_usd) filter (where stays), 0) as decimal(26, 12)) as staying_cost_usd,
        ceil(0.95 * count(latency_seconds)) as p95_rank
    from calls
    group by feature_id, month_start

),

-- Nearest rank: a latency that a call had.
latencies as (

    select
        feature_id,
        month_start,
        latency_seconds,
        row_number() over (
            partition by feature_id, month_start
            order by latency_seconds asc nulls last, call_id asc nulls last
        ) as latency_rank
    from calls
    where latency_seconds is not null

),

judged as (

    select
        tasks.feature_id,
        cast(date_trunc('month', tasks.ended_date) as date) as month_start,
        count(*) filter (where tasks.is_resolved) as correct_answers,
        count(*) as judged_answers
    from tasks
    inner join features
        on tasks.feature_id = features.feature_id
    where tasks.is_outcome_known
    group by tasks.feature_id, cast(date_trunc('month', tasks.ended_date) as date)

),

together as (

    select
        measured.feature_id,
        measured.month_start,
        measured.calls,
        measured.tasks,
        measured.requests,
        measured.unpriced_calls,
        measured.priced_cost_usd,
        measured.staying_calls,
        measured.unpriced_staying_calls,
        measured.staying_cost_usd,
        latencies.latency_seconds as latency_p95_seconds,
        judged.correct_answers,
        judged.judged_answers
    from measured
    left join latencies
        on
            measured.feature_id = latencies.feature_id
            and measured.month_start = latencies.month_start
            and measured.p95_rank = latencies.latency_rank
    left join judged
        on
            measured.feature_id = judged.feature_id
            and measured.month_start = judged.month_start

)

select * from together
