with source as (

    select * from {{ raw('config', 'token_budgets') }}

),

typed as (

    select
        tenant_id,
        cast(tokens_per_month as bigint) as tokens_per_month,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
