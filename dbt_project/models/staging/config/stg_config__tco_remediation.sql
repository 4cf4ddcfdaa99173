with source as (

    select * from {{ raw('config', 'tco_remediation') }}

),

typed as (

    select
        feature_id,
        cast(usd_per_wrong_answer as decimal(18, 8)) as usd_per_wrong_answer,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
