with source as (

    select * from {{ raw('config', 'gpu_nodes') }}

),

typed as (

    select
        node_id,
        service_provider,
        billing_account_id,
        cast(gpus as integer) as gpus,
        cast(usd_per_gpu_hour as decimal(18, 8)) as usd_per_gpu_hour,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
