with source as (

    select * from {{ raw('config', 'rate_limits') }}

),

typed as (

    select
        service_provider,
        model_prefix,
        is_whole_model,
        cast(tokens_per_minute as bigint) as tokens_per_minute,
        cast(requests_per_minute as bigint) as requests_per_minute,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
