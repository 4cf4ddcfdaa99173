with source as (

    select * from {{ raw('pricing', 'model_aliases') }}

),

typed as (

    select
        service_provider,
        model_id,
        model,
        method
    from source

)

select * from typed
