with source as (

    select * from {{ raw('kept', 'gpu_metrics_measured') }}

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
        cast(source.bucket_start as timestamp) as bucket_start,
        source.mig_instance_id,
        source.mig_profile,
        source.metric,
        source.unit,
        source.kind,
        cast(source.samples as bigint) as samples,
        cast(source.quantity_sum as decimal(38, 6)) as quantity_sum,
        cast(source.quantity_min as decimal(26, 6)) as quantity_min,
        cast(source.quantity_max as decimal(26, 6)) as quantity_max,
        cast(source.quantity_p95 as decimal(26, 6)) as quantity_p95,
        cast(source.quantity_last as decimal(26, 6)) as quantity_last,
        cast(source.counter_increase as decimal(38, 6)) as counter_increase,
        cast(source.covered_seconds as decimal(18, 6)) as covered_seconds
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
