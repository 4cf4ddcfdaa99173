with source as (

    select * from {{ raw('config', 'allocation_rules') }}

),

typed as (

    select
        rule_id,
        cast(rule_order as integer) as rule_order,
        charge_category,
        method,
        metric,
        fallback,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to,
        rule_version
    from source

)

select * from typed
