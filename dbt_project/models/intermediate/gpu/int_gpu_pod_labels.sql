with kept as (

    select * from {{ ref('stg_kept__gpu_pod_labels') }}

),

labels as (

    select * from {{ ref('stg_dcgm__pod_labels') }}

),

gpu_samples as (

    select * from {{ ref('stg_meta__gpu_samples') }}

),

all_days as (

    select
        sampled_date,
        namespace,
        pod,
        pod_labels
    from kept
    union all
    select
        labels.usage_date as sampled_date,
        labels.namespace,
        labels.pod,
        labels.pod_labels
    from labels
    inner join gpu_samples
        on labels.usage_date >= gpu_samples.samples_from

)

select * from all_days
