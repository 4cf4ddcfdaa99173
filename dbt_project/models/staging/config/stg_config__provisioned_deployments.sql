with source as (

    select * from {{ raw('config', 'provisioned_deployments') }}

),

typed as (

    select
        term_id,
        service_provider,
        model_id,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
