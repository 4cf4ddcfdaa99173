{{ config(materialized='view') }}
with calls as (

    select * from {{ ref('int_usage_calls') }}

),

duplicates as (

    select file_hash, row_number
    from {{ ref('int_usage_duplicates') }}

),

kept as (

    select calls.*
    from calls
    left join duplicates
        on
            calls.file_hash = duplicates.file_hash
            and calls.row_number = duplicates.row_number
    where duplicates.file_hash is null

)

select * from kept
