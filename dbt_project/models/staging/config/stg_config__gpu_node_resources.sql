with source as (

    select * from {{ raw('config', 'gpu_node_resources') }}

),

typed as (

    select
        node_id,
        resource_id,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
