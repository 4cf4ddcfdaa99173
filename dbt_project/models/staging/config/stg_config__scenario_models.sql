with source as (

    select * from {{ raw('config', 'scenario_models') }}

),

typed as (

    select
        scenario_id,
        feature_id,
        alternative_id,
        service_provider,
        model_id,
        cast(share as decimal(9, 6)) as share
    from source

)

select * from typed
