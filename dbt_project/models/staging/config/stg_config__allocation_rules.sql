with source as (

    select * from {{ raw('config', 'allocation_rules') }}

),

typed as (

    select
        rule_id,
        cast(rule_order as integer) as rule_order,
        method,
        metric,
        target_type,
        has_named_targets,
        scope,
        cast(window_days as integer) as window_days,
        cast(floor_share as decimal(9, 6)) as floor_share,
        cast(token_share as decimal(9, 6)) as token_share,
        fallback,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to,
        rule_version
    from source

)

select * from typed
