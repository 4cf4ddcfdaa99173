with source as (

    select * from {{ raw('config', 'contract_term_rates') }}

),

typed as (

    select
        term_id,
        cast(usd_per_unit as decimal(18, 8)) as usd_per_unit,
        cast(first_usd_per_unit as decimal(18, 8)) as first_usd_per_unit,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
