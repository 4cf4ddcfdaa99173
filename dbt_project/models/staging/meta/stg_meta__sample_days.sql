with source as (

    select * from {{ raw('meta', 'sample_days') }}

),

typed as (

    select cast(samples_from as date) as samples_from
    from source

)

select * from typed
