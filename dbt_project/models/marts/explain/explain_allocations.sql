{{ config(materialized='view') }}
with allocations as (

    select
        *,
        {{ journal_id('posting_period', journal_kind()) }} as journal_id,
        {{ journal_line_type() }} as journal_line_type
    from {{ within_database(ref('fct_allocations')) }}

),

charges as (

    select * from {{ within_database(ref('fct_charges')) }}

),

files as (

    select * from {{ within_database(ref('dim_files')) }}

),

explained as (

    select
        allocations.allocation_id,
        allocations.posting_period,
        allocations.usage_date,
        allocations.status,
        allocations.corrects_id,
        allocations.target_type,
        allocations.target_id,
        allocations.tenant_id,
        allocations.cost_center,
        allocations.product_id,
        allocations.feature_id,
        allocations.environment,
        allocations.plan,
        allocations.cost_nature,
        allocations.rule_id,
        allocations.rule_version,
        allocations.through_rules,
        allocations.method,
        allocations.cost_component,
        allocations.basis_quantity,
        allocations.share,
        allocations.amount_usd,
        allocations.effective_amount_usd,
        allocations.charge_id,
        allocations.charge_category,
        allocations.service_provider,
        allocations.billing_account_id,
        allocations.host,
        allocations.model,
        charges.meter,
        charges.service_tier,
        charges.quantity as charge_quantity,
        charges.amount_usd as charge_amount_usd,
        allocations.invoice_id,
        allocations.journal_id,
        allocations.journal_line_type,
        files.feed as source_feed,
        files.table_name as source_table_name,
        files.landing_path as source_landing_path,
        charges.source_file_hash,
        cast(charges.source_row_number as bigint) as source_row_number
    from allocations
    left join charges
        on allocations.charge_id = charges.charge_id
    left join files
        on charges.source_file_hash = files.file_hash

)

select * from explained
