{%- do comes_after('int_sample_days') -%}
with kept as (

    select * from {{ ref('stg_kept__gpu_pod_labels') }}
    where {{ is_touched('samples', 'sampled_date') }}

),

labels as (

    select * from {{ ref('stg_dcgm__pod_labels') }}
    where {{ is_touched('samples', 'usage_date') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

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
    inner join first_days
        on labels.usage_date >= first_days.samples_from

)

select * from all_days
