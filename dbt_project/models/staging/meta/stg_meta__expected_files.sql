with source as (

    select * from {{ raw('meta', 'expected_files') }}

),

typed as (

    select
        feed,
        table_name,
        cast(expected_date as date) as expected_date,
        cast(last_date as date) as last_date,
        file_name,
        cast(has_arrived as boolean) as has_arrived
    from source

)

select * from typed
