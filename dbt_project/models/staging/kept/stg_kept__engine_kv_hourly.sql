with source as (

    select * from {{ raw('kept', 'engine_kv_hourly') }}

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
        cast(source.is_pressed as boolean) as is_pressed,
        cast(source.is_idle as boolean) as is_idle,
        cast(source.used_share_seconds as decimal(18, 12)) as used_share_seconds,
        cast(source.covered_us as decimal(18, 0)) as covered_us
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
