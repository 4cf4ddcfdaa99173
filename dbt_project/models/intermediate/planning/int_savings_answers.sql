with tasks as (

    select * from {{ ref('fct_tasks') }}
    where is_outcome_known and {{ is_touched_week('tasks', 'ended_week_start') }}

),

task_models as (

    select * from {{ ref('int_task_models') }}

),

answers as (

    select
        tasks.ended_week_start as week_start,
        tasks.feature_id,
        tasks.task_type,
        task_models.model,
        count(*) as judged_answers,
        count(*) filter (where tasks.is_resolved) as correct_answers
    from tasks
    inner join task_models
        on tasks.task_id = task_models.task_id
    group by tasks.ended_week_start, tasks.feature_id, tasks.task_type, task_models.model

)

select * from answers
