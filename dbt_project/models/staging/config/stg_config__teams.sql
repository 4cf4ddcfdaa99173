with source as (

    select * from {{ raw('config', 'teams') }}

),

typed as (

    select
        team_id,
        tenant_id,
        cost_center,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
