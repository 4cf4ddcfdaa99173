with source as (

    select * from {{ raw('config', 'gpu_deployments') }}

),

typed as (

    select
        deployment_id,
        node_id,
        model_id,
        model,
        cast(gpus as decimal(9, 6)) as gpus,
        cast(is_bound as boolean) as is_bound,
        cast(input_weight as decimal(9, 6)) as input_weight,
        cast(cache_read_weight as decimal(9, 6)) as cache_read_weight,
        cast(output_weight as decimal(9, 6)) as output_weight,
        cast(sustainable_tokens_per_second as decimal(18, 8)) as sustainable_tokens_per_second,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
