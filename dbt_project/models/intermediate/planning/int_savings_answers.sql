with tasks as (

    select * from {{ ref('int_tasks') }}
    where is_outcome_known and calls > 0 and {{ is_touched_week('tasks', 'ended_week_start') }}

),

answers as (

    select
        ended_week_start as week_start,
        feature_id,
        task_type,
        model,
        count(*) as judged_answers,
        count(*) filter (where is_resolved) as correct_answers
    from tasks
    group by ended_week_start, feature_id, task_type, model

)

select * from answers
