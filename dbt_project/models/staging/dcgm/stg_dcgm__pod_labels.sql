with source as (

    select * from {{ raw('dcgm', 'samples') }}

),

-- A pod's labels may change during a day, and an exporter may have others than the next.
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
