with source as (

    select * from {{ raw('config', 'billing_accounts') }}

),

typed as (

    select
        service_provider,
        billing_account_id,
        gateway,
        gateway_provider,
        cast(settlement_lag_days as integer) as settlement_lag_days,
        currency,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
