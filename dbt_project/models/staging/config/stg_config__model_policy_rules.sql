with source as (

    select * from {{ raw('config', 'model_policy_rules') }}

),

typed as (

    select
        cast(rule_order as integer) as rule_order,
        policy_id,
        team_id,
        feature_id,
        environment,
        model_prefix,
        service_tier,
        reasoning_effort,
        is_whole_model,
        is_allowed,
        use_instead,
        reason,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
