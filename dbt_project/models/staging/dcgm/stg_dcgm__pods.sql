with source as (

    select * from {{ raw('dcgm', 'samples') }}

),

-- Every metric of a scrape names the pods again, and so does a scrape that was landed twice.
named as (

    select distinct
        cast(sampled_at as timestamp) as sampled_at,
        node_id,
        gpu_uuid,
        mig_instance_id,
        namespace,
        pod
    from source

)

select * from named
