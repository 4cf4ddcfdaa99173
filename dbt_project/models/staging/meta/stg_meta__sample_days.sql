with source as (

    select * from {{ raw('meta', 'sample_days') }}

),

typed as (

    select
        cast(samples_from as date) as samples_from,
        cast(calls_from as date) as calls_from,
        cast(call_months_from as date) as call_months_from
    from source

)

select * from typed
