with source as (

    select * from {{ raw('config', 'contract_terms') }}

),

typed as (

    select
        term_id,
        kind,
        service_provider,
        billing_account_id,
        cast(amount_usd as decimal(18, 8)) as amount_usd,
        cast(coalesce(paid_usd, case when kind = 'prepaid' then amount_usd end) as decimal(18, 8)) as paid_usd,
        cast(used_before_usd as decimal(18, 8)) as used_before_usd,
        cast(usd_per_call as decimal(18, 8)) as usd_per_call,
        cast(percent_of_usage as decimal(9, 6)) as percent_of_usage,
        cast(units as integer) as units,
        cast(usd_per_unit_hour as decimal(18, 8)) as usd_per_unit_hour,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
