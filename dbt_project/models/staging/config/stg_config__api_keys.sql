with source as (

    select * from {{ raw('config', 'api_keys') }}

),

typed as (

    select
        api_key_id,
        tenant_id,
        team_id,
        environment,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
