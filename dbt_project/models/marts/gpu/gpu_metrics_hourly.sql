with measured as (

    select * from {{ ref('int_gpu_metrics_measured') }}
    where {{ is_touched_or_before('hours', 'sampled_date') }}

),

rolled_up as (

    {{ gpu_metrics_of('measured') }}

)

select * from rolled_up
