with source as (

    select * from {{ raw('meta', 'gpu_samples') }}

),

typed as (

    select cast(samples_from as date) as samples_from
    from source

)

select * from typed
