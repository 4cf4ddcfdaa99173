with source as (

    select * from {{ raw('kept', 'gpu_seen_days') }}

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
        source.slice_id,
        source.slice_profile,
        source.gpu_model,
        cast(source.samples as bigint) as samples,
        cast(source.first_sampled_at as timestamp) as first_sampled_at,
        cast(source.last_sampled_at as timestamp) as last_sampled_at,
        cast(source.observed_until as timestamp) as observed_until
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
