with gpu_samples as (

    select * from {{ ref('int_gpu_samples') }}
    where {{ is_touched('samples', 'usage_date') }}

),

engine_samples as (

    select * from {{ ref('int_engine_samples') }}
    where {{ is_touched('samples', 'usage_date') }}

),

-- Each as some model partitions samples to find the next one.
series as (

    select
        usage_date,
        {{ row_hash("'metric', node_id, gpu_uuid, mig_instance_id, metric") }} as series_key,
        false as is_engine_counter
    from gpu_samples
    union
    select
        usage_date,
        {{ row_hash("'counter', node_id, gpu_uuid, mig_instance_id, metric, source") }} as series_key,
        false as is_engine_counter
    from gpu_samples
    where kind = 'counter'
    union
    select
        usage_date,
        {{ row_hash("'busy', node_id, gpu_uuid") }} as series_key,
        false as is_engine_counter
    from gpu_samples
    where
        mig_instance_id = ''
        and metric in ('engine_active_share', 'util_share')
    union
    select
        usage_date,
        {{ row_hash("'engine counter', engine_kind, instance, engine, model_name, label_key, metric") }} as series_key,
        true as is_engine_counter
    from engine_samples
    where kind = 'counter'
    union
    select
        usage_date,
        {{ row_hash("'engine counters', engine_kind, instance, engine, model_name") }} as series_key,
        false as is_engine_counter
    from engine_samples
    where kind = 'counter'
    union
    select
        usage_date,
        {{ row_hash("'kv cache', engine_kind, instance, engine, model_name") }} as series_key,
        false as is_engine_counter
    from engine_samples
    where metric = 'kv_cache_used_share'

)

select * from series
