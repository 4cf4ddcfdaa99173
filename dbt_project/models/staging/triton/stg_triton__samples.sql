with source as (

    select * from {{ raw('triton', 'samples') }}

),

typed as (

    select
        cast(sampled_at as timestamp) as sampled_at,
        instance,
        engine,
        model_name,
        metric,
        label_key,
        gpu_uuid,
        cast(value as double) as value,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

),

numbered as (

    select
        *,
        row_number() over (
            partition by instance, engine, coalesce(model_name, ''), metric, label_key, coalesce(gpu_uuid, ''), sampled_at
            order by file_hash asc nulls last, row_number asc nulls last
        ) as copy_number
    from typed

),

deduplicated as (

    select
        sampled_at,
        instance,
        engine,
        model_name,
        metric,
        label_key,
        gpu_uuid,
        value,
        file_hash,
        row_number
    from numbered
    where copy_number = 1

)

select * from deduplicated
