with source as (

    select * from {{ raw('kept', 'gpu_pod_labels') }}

),

sample_days as (

    select * from {{ ref('stg_meta__sample_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.namespace,
        source.pod,
        source.pod_labels
    from source
    inner join sample_days
        on source.sampled_date < sample_days.samples_from

)

select * from typed
