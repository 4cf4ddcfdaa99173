with source as (

    select * from {{ raw('kept', 'gpu_pod_labels') }}

),

gpu_samples as (

    select * from {{ ref('stg_meta__gpu_samples') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.namespace,
        source.pod,
        source.pod_labels
    from source
    inner join gpu_samples
        on source.sampled_date < gpu_samples.samples_from

)

select * from typed
