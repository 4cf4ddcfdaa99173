with cases as (

    select * from {{ ref('int_break_even_cases') }}

),

months as (

    select * from {{ ref('stg_config__self_hosting_months') }}

),

workloads as (

    select * from {{ ref('stg_config__self_hosting_workloads') }}

),

-- The GPUs are paid for as long as the commitment holds, at their rate of today; the API's price moves.
paths as (

    select
        cases.workload_id,
        cases.comparator_id,
        cases.month_start,
        cases.case_name,
        months.month_number,
        workloads.migration_usd,
        cast(
            cast(cast(cases.api_month_usd as decimal(20, 6)) * cast(months.api_price_factor as decimal(16, 12)) as decimal(24, 10))
            * months.discount_factor
            as decimal(26, 12)
        ) as api_cost_usd,
        cast(
            cast(cases.self_hosted_month_usd as decimal(22, 10)) * months.discount_factor as decimal(26, 12)
        ) as self_hosted_cost_usd
    from cases
    inner join months
        on cases.workload_id = months.workload_id
    inner join workloads
        on cases.workload_id = workloads.workload_id

),

running as (

    select
        workload_id,
        comparator_id,
        month_start,
        case_name,
        month_number,
        cast(
            sum(api_cost_usd) over (
                partition by workload_id, comparator_id, month_start, case_name order by month_number asc nulls last
            ) as decimal(26, 12)
        ) as api_cost_usd,
        cast(
            migration_usd + sum(self_hosted_cost_usd) over (
                partition by workload_id, comparator_id, month_start, case_name order by month_number asc nulls last
            ) as decimal(26, 12)
        ) as self_hosted_cost_usd
    from paths

),

commitments as (

    select
        workload_id,
        comparator_id,
        month_start,
        case_name,
        max(month_number) as commitment_months,
        max_by(api_cost_usd, month_number) as commitment_api_cost_usd,
        max_by(self_hosted_cost_usd, month_number) as commitment_self_hosted_cost_usd,
        min(case when self_hosted_cost_usd <= api_cost_usd then month_number end) as payback_months
    from running
    group by workload_id, comparator_id, month_start, case_name

)

select * from commitments
