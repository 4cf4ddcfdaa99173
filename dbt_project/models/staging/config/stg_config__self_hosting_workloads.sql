with source as (

    select * from {{ raw('config', 'self_hosting_workloads') }}

),

typed as (

    select
        workload_id,
        cast(workload_order as integer) as workload_order,
        deployment_id,
        shape,
        cast(percentile as decimal(9, 6)) as percentile,
        cast(headroom as decimal(9, 6)) as headroom,
        cast(target_utilisation as decimal(9, 6)) as target_utilisation,
        cast(spike_reserve as decimal(9, 6)) as spike_reserve,
        cast(may_be_interrupted as boolean) as may_be_interrupted,
        cast(gpus as integer) as gpus,
        node_id,
        cast(usd_per_gpu_hour as decimal(18, 8)) as usd_per_gpu_hour,
        cast(input_tokens_per_second as decimal(15, 3)) as input_tokens_per_second,
        cast(output_tokens_per_second as decimal(15, 3)) as output_tokens_per_second,
        phases,
        cast(bench_to_real as decimal(7, 4)) as bench_to_real,
        cast(cache_read_weight as decimal(9, 6)) as cache_read_weight,
        cast(usd_per_mtok as decimal(18, 8)) as usd_per_mtok,
        cast(min_replicas as integer) as min_replicas,
        cast(max_replicas as integer) as max_replicas,
        cast(overhead_usd_per_month as decimal(18, 8)) as overhead_usd_per_month,
        cast(migration_usd as decimal(18, 8)) as migration_usd,
        cast(commitment_months as integer) as commitment_months,
        cast(layers as integer) as layers,
        cast(kv_heads as integer) as kv_heads,
        cast(head_dim as integer) as head_dim,
        cast(bytes_per_element as decimal(4, 2)) as bytes_per_element,
        cast(weights_gb as decimal(12, 3)) as weights_gb,
        cast(gpu_memory_gb as decimal(12, 3)) as gpu_memory_gb,
        cast(reserved_share as decimal(9, 6)) as reserved_share,
        cast(context_tokens as bigint) as context_tokens,
        flags,
        cast(has_gpu_platform as boolean) as has_gpu_platform
    from source

)

select * from typed
