{%- do comes_after('int_tasks') -%}
with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_week_of_touched_tasks('week_start') }}

),

task_models as (

    select
        task_id,
        coalesce(model, 'unattributed') as model,
        coalesce(reasoning_effort, 'not said') as reasoning_effort,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as cost_usd,
        count(*) as calls
    from usage
    where task_id is not null and {{ is_touched_task('task_id') }}
    group by task_id, coalesce(model, 'unattributed'), coalesce(reasoning_effort, 'not said')

),

ranked as (

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
    from task_models

),

-- which of equals is by name
answering as (

    select
        task_id,
        model,
        reasoning_effort
    from ranked
    where model_rank = 1

)

select * from answering
