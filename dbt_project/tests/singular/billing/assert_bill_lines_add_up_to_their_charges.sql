with billed as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        cast(sum(amount_usd) as decimal(38, 12)) as billed_usd
    from {{ ref('int_bill_lines') }}
    where charge_category <> 'tax'
    group by service_provider, billing_account_id, usage_date
    having bool_and(is_final)

),

charged as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        cast(sum(amount_usd + drawn_usd) as decimal(38, 12)) as charged_usd
    from {{ ref('int_bill_charges') }}
    group by service_provider, billing_account_id, usage_date

),

differing as (

    select
        billed.service_provider,
        billed.billing_account_id,
        billed.usage_date,
        billed.billed_usd,
        charged.charged_usd
    from billed
    left join charged
        on
            billed.service_provider = charged.service_provider
            and billed.billing_account_id = charged.billing_account_id
            and billed.usage_date = charged.usage_date
    where billed.billed_usd <> coalesce(charged.charged_usd, 0)

)

select * from differing
