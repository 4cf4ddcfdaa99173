with source as (

    select * from {{ raw('kept', 'engine_counts_hourly') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.engine_kind,
        source.instance,
        source.engine,
        source.model_name,
        cast(source.hour_start as timestamp) as hour_start,
        source.metric,
        cast(source.increase as bigint) as increase,
        cast(source.increase_known as bigint) as increase_known
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
