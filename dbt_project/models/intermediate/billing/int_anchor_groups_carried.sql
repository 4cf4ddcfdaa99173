with groups as (

    select * from {{ ref('int_anchor_groups') }}

),

charges as (

    select * from {{ ref('int_bill_charges') }}

),

-- Until its day is final each call keeps its contracted cost, unless that is drawn from an amount paid before.
carried as (

    select
        groups.group_id,
        groups.service_provider,
        groups.billing_account_id,
        groups.usage_date,
        groups.model,
        groups.service_tier,
        groups.meter,
        groups.is_final,
        groups.logged_quantity,
        groups.logged_weight,
        groups.first_call_id,
        groups.is_final or charges.drawn_usd <> 0 as is_split,
        charges.amount_usd as carried_usd,
        charges.effective_amount_usd as carried_effective_usd,
        charges.effective_amount_usd <> charges.amount_usd as has_effective
    from groups
    inner join charges
        on 'usage:' || groups.group_id = charges.charge_id

)

select * from carried
