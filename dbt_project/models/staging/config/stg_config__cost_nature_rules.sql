with source as (

    select * from {{ raw('config', 'cost_nature_rules') }}

),

typed as (

    select
        cast(rule_order as integer) as rule_order,
        environment,
        plan,
        purpose,
        cost_nature,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
