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
        cast(committed_usd_per_gpu_hour as decimal(18, 8)) as committed_usd_per_gpu_hour,
        cast(capex_usd as decimal(18, 8)) as capex_usd,
        cast(residual_usd as decimal(18, 8)) as residual_usd,
        cast(life_months as integer) as life_months,
        cast(discount_rate as decimal(9, 6)) as discount_rate,
        cast(growth_factor as decimal(18, 12)) as growth_factor,
        cast(in_service_from as date) as in_service_from,
        cast(gpus_weight as bigint) as gpus_weight,
        cast(vcpus_weight as bigint) as vcpus_weight,
        cast(memory_weight as bigint) as memory_weight,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
