with source as (

    select * from {{ raw('nvidia_smi', 'samples') }}

),

typed as (

    select
        cast(sampled_at as timestamp) as sampled_at,
        node_id,
        gpu_uuid,
        gpu_index,
        gpu_model,
        metric,
        cast(value as double) as value,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

),

deduplicated as (

    {{ first_copies(
        'typed',
        ['node_id', 'gpu_uuid', 'metric', 'sampled_at'],
        ['sampled_at', 'node_id', 'gpu_uuid', 'gpu_index', 'gpu_model', 'metric', 'value', 'file_hash', 'row_number'],
    ) }}

)

select * from deduplicated
