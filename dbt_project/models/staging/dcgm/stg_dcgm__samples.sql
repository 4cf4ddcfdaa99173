with source as (

    select * from {{ raw('dcgm', 'samples') }}

),

typed as (

    select
        cast(sampled_at as timestamp) as sampled_at,
        node_id,
        gpu_uuid,
        gpu_index,
        mig_instance_id,
        mig_profile,
        gpu_model,
        namespace,
        pod,
        metric,
        cast(value as double) as value,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

),

-- Time-slicing repeats a GPU's value for every pod on it, so pods are not part of a series.
deduplicated as (

    {{ first_copies(
        'typed',
        ['node_id', 'gpu_uuid', "coalesce(mig_instance_id, '')", 'metric', 'sampled_at'],
        [
            'sampled_at', 'node_id', 'gpu_uuid', 'gpu_index', 'mig_instance_id', 'mig_profile', 'gpu_model', 'namespace',
            'pod', 'metric', 'value', 'file_hash', 'row_number',
        ],
    ) }}

)

select * from deduplicated
