with source as (

    select * from {{ raw('config', 'budgets') }}

),

typed as (

    select
        scope,
        coalesce(scope_id, 'company') as scope_id,
        period,
        cast(amount_usd as decimal(18, 8)) as amount_usd,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
