with tasks as (

    select * from {{ ref('int_tasks') }}
    where {{ is_touched('tasks', 'ended_date') }} or ended_date is null

)

select * from tasks
