with disputes as (

    select * from {{ ref('stg_config__disputes') }}

),

allocations as (

    select
        allocation_id,
        charge_id
    from {{ ref('fct_allocations') }}

),

disputed_lines as (

    select
        allocations.allocation_id,
        allocations.charge_id
    from allocations
    inner join disputes
        on allocations.allocation_id = disputes.chargeback_line_id

),

of_charges as (

    select
        disputes.chargeback_line_id,
        disputed_lines.charge_id,
        disputes.tenant_id,
        disputes.posting_period,
        disputes.service_provider,
        disputes.dispute_status
    from disputes
    left join disputed_lines
        on disputes.chargeback_line_id = disputed_lines.allocation_id

)

select * from of_charges
