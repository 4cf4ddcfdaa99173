with source as (

    select * from {{ raw('kept', 'engine_falls') }}

),

sample_days as (

    select * from {{ ref('stg_meta__sample_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.engine_kind,
        source.instance,
        source.engine,
        source.model_name,
        cast(source.sampled_at as timestamp) as sampled_at,
        cast(source.next_sampled_at as timestamp) as next_sampled_at
    from source
    inner join sample_days
        on source.sampled_date < sample_days.samples_from

)

select * from typed
