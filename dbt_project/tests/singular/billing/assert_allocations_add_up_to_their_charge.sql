with charges as (

    select * from {{ ref('fct_charges') }}

),

allocations as (

    select
        charge_id,
        cast(sum(amount_usd) as decimal(38, 12)) as allocated_usd,
        cast(sum(effective_amount_usd) as decimal(38, 12)) as allocated_effective_usd
    from {{ ref('int_allocations') }}
    group by charge_id

),

differing as (

    select
        charges.charge_id,
        charges.amount_usd,
        allocations.allocated_usd,
        charges.effective_amount_usd,
        allocations.allocated_effective_usd
    from charges
    left join allocations
        on charges.charge_id = allocations.charge_id
    where
        charges.amount_usd <> coalesce(allocations.allocated_usd, 0)
        or charges.effective_amount_usd <> coalesce(allocations.allocated_effective_usd, 0)

)

select * from differing
