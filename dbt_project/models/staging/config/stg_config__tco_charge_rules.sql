with source as (

    select * from {{ raw('config', 'tco_charge_rules') }}

),

typed as (

    select
        rule_id,
        line,
        category,
        product_id,
        service_provider,
        billing_account_id,
        billing_scope_id,
        host,
        model,
        meter,
        charge_category,
        purpose,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
