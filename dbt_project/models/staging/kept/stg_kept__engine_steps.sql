with source as (

    select * from {{ raw('kept', 'engine_steps') }}

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
        cast(source.before_at as timestamp) as before_at,
        cast(source.sampled_at as timestamp) as sampled_at,
        cast(source.step_us as bigint) as step_us,
        cast(source.median_step_us as bigint) as median_step_us
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
