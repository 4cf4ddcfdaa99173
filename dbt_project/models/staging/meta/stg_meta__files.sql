with source as (

    select * from {{ raw('meta', 'files') }}

),

typed as (

    select
        feed,
        table_name,
        file_name,
        identity,
        path,
        cast(size_bytes as bigint) as size_bytes,
        status,
        cast(rows_read as bigint) as rows_read,
        cast(rows_kept as bigint) as rows_kept,
        cast(rows_quarantined as bigint) as rows_quarantined,
        cast(first_event_at as timestamp) as first_event_at,
        cast(last_event_at as timestamp) as last_event_at,
        cast(retrieved_at as timestamp) as retrieved_at,
        reader_version,
        reason
    from source

)

select * from typed
