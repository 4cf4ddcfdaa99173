with charges as (

    select * from {{ ref('int_charges') }}

),

facts as (

    select
        charge_id,
        service_provider,
        billing_account_id,
        billing_scope_id,
        invoice_id,
        usage_date,
        substr(cast(usage_date as {{ dbt.type_string() }}), 1, 7) as posting_period,
        host,
        model,
        service_tier,
        meter,
        charge_category,
        charge_status,
        quantity,
        cast(amount_usd as decimal(38, 12)) as amount_usd,
        cast(case when charge_category = 'credit' then 0 else effective_amount_usd end as decimal(38, 12)) as effective_amount_usd,
        cast(case when charge_category = 'credit' then amount_usd else 0 end as decimal(38, 12)) as credit_offset_usd,
        cast(drawn_usd as decimal(38, 12)) as drawn_usd,
        source_file_hash,
        source_row_number
    from charges
    where amount_usd is not null

)

select * from facts
