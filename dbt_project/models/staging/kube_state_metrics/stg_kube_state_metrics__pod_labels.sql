with source as (

    select * from {{ raw('kube_state_metrics', 'samples') }}

),

labelled as (

    select distinct
        cast(sampled_at as date) as usage_date,
        namespace,
        pod,
        pod_labels
    from source
    where pod_labels is not null

)

select * from labelled
