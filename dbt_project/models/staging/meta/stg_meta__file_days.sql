with source as (

    select * from {{ raw('meta', 'file_days') }}

),

typed as (

    select
        feed,
        table_name,
        file_name,
        cast(usage_date as date) as usage_date,
        cast(rows_kept as bigint) as rows_kept,
        identity
    from source

)

select * from typed
