with source as (

    select * from {{ raw('business', 'tasks') }}

),

typed as (

    select
        task_id,
        tenant_id,
        feature_id,
        task_type,
        cast(started_at as timestamp) as started_at,
        cast(ended_at as timestamp) as ended_at,
        outcome,
        cast(reopened_at as timestamp) as reopened_at,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

)

select * from typed
