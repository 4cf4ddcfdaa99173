with labels as (

    select
        usage_date as sampled_date,
        namespace,
        pod,
        pod_labels
    from {{ ref('stg_dcgm__pod_labels') }}

)

select * from labels
