with source as (

    select * from {{ raw('meta', 'quarantine') }}

),

typed as (

    select
        feed,
        table_name,
        file_name,
        cast(line_number as bigint) as line_number,
        cast(byte_offset as bigint) as byte_offset,
        field,
        reason
    from source

)

select * from typed
