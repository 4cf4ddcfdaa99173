with source as (

    select * from {{ raw('config', 'allocation_targets') }}

),

typed as (

    select
        cast(rule_order as integer) as rule_order,
        is_fallback,
        target_type,
        target_id,
        cast(share as decimal(9, 6)) as share
    from source

)

select * from typed
