with tasks as (

    select * from {{ ref('int_tasks') }}
    where {{ is_touched_task('task_id') }}

)

select * from tasks
