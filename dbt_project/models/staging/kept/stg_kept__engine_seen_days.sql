with source as (

    select * from {{ raw('kept', 'engine_seen_days') }}

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
        cast(source.first_sampled_at as timestamp) as first_sampled_at,
        cast(source.last_sampled_at as timestamp) as last_sampled_at
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
