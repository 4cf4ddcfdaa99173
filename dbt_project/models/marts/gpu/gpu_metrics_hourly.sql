with measured as (

    select * from {{ ref('int_gpu_metrics_measured') }}

),

rolled_up as (

    {{ gpu_metrics_of('measured') }}

)

select * from rolled_up
