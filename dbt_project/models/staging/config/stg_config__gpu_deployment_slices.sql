with source as (

    select * from {{ raw('config', 'gpu_deployment_slices') }}

),

typed as (

    select
        deployment_id,
        node_id,
        gpu_uuid,
        slice_id,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
