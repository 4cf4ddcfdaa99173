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
        cast(share as decimal(9, 6)) as share,
        cast(fewer_input_tokens as bigint) as fewer_input_tokens
    from source

)

select * from typed
