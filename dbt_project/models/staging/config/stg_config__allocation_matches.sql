with source as (

    select * from {{ raw('config', 'allocation_matches') }}

),

typed as (

    select
        cast(rule_order as integer) as rule_order,
        from_type,
        from_id,
        charge_category,
        service_provider,
        billing_account_id,
        billing_scope_id,
        host,
        model,
        meter,
        invoice_id,
        team_id,
        api_key_id,
        product_id,
        feature_id,
        environment,
        unattributed_reason,
        tags,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
