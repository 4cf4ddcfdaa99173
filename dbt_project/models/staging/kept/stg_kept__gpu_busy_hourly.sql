with source as (

    select * from {{ raw('kept', 'gpu_busy_hourly') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.node_id,
        source.gpu_uuid,
        cast(source.hour_start as timestamp) as hour_start,
        source.slice_id,
        cast(source.covered_seconds as decimal(18, 6)) as covered_seconds,
        cast(source.busy_seconds as decimal(18, 12)) as busy_seconds
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
