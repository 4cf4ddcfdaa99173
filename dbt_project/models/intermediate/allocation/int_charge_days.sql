{#- What parts say of their charge, and whether they are of a closed period. -#}
{%- set said = [
    'charge_id', 'invoice_id', 'service_provider', 'billing_account_id', 'host', 'model', 'charge_category', 'charge_status',
    'amount_usd',
] -%}
{%- set is_closed = 'coalesce(charges.posting_period <= last_closed.posting_period, false)' -%}
with charges as (

    select * from {{ ref('fct_charges') }}

),

closed_allocations as (

    select * from {{ ref('stg_accounting__closed_allocations') }}

),

last_closed as (

    select max(posting_period) as posting_period
    from closed_allocations

),

hashed as (

    select
        charges.usage_date,
        {{ row_hash('charges.' ~ said | join(', charges.') ~ ', ' ~ is_closed) }} as charge_hash
    from charges
    cross join last_closed

),

days as (

    select
        usage_date,
        count(*) as charges,
        cast(sum(cast(charge_hash as decimal(38, 0))) as decimal(38, 0)) as charge_hashes
    from hashed
    group by usage_date

)

select * from days
