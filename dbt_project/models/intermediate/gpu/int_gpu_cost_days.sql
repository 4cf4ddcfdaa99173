with all_hashes as (

    select
        usage_date,
        {{ row_hash("'hour', hour_start, pool_id, busy_cost_usd") }} as row_hash
    from {{ ref('int_gpu_hours') }}
    union all
    select
        usage_date,
        {{ row_hash("'tokens', hour_start, pool_id, weighted_tokens") }} as row_hash
    from {{ ref('int_gpu_engine_tokens_hourly') }}
    union all
    select
        usage_date,
        {{ row_hash(
            "'deployment', service_provider, model, pool_id, deployment_id, node_id, input_weight, cache_read_weight, output_weight"
        ) }} as row_hash
    from {{ ref('int_gpu_deployment_days') }}

),

days as (

    select
        usage_date,
        count(*) as hashed_rows,
        cast(sum(cast(row_hash as decimal(38, 0))) as decimal(38, 0)) as row_hashes
    from all_hashes
    group by usage_date

)

select * from days
