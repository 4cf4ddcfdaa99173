with source as (

    select * from {{ raw('meta', 'first_days') }}

),

typed as (

    select
        cast(samples_from as date) as samples_from,
        cast(calls_from as date) as calls_from
    from source

)

select * from typed
