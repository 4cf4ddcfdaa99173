with source as (

    select * from {{ raw('kept', 'gpu_pod_labels') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.namespace,
        source.pod,
        source.pod_labels
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
