with cases as (

    select * from {{ ref('int_break_even_cases') }}

),

steps as (

    select
        workload_id,
        comparator_id,
        month_start,
        case_name,
        min(pays_from_tokens) as break_even_tokens_per_month,
        count(crosses_up_at_tokens) + count(crosses_down_at_tokens) as crossings
    from {{ ref('int_break_even_steps') }}
    group by workload_id, comparator_id, month_start, case_name

),

commitments as (

    select * from {{ ref('int_break_even_commitments') }}

),

joined as (

    select
        cases.*,
        steps.break_even_tokens_per_month,
        steps.crossings,
        commitments.commitment_months,
        commitments.commitment_api_cost_usd,
        commitments.commitment_self_hosted_cost_usd,
        commitments.payback_months,
        cast(
            commitments.commitment_api_cost_usd - commitments.commitment_self_hosted_cost_usd as decimal(26, 12)
        ) as commitment_saving_usd
    from cases
    left join steps
        on
            cases.workload_id = steps.workload_id
            and cases.comparator_id = steps.comparator_id
            and cases.month_start = steps.month_start
            and cases.case_name = steps.case_name
    left join commitments
        on
            cases.workload_id = commitments.workload_id
            and cases.comparator_id = commitments.comparator_id
            and cases.month_start = commitments.month_start
            and cases.case_name = commitments.case_name

),

-- Cheaper in the month is not enough: the GPUs are paid for after it too, at the API's price of then and with the move.
judged as (

    select
        *,
        case
            when price_per_mtok_usd is null then 'api_price_unknown'
            when passing_share is null then 'quality_unknown'
            when replica_month_usd is null then 'gpu_rate_unknown'
            when overhead_usd_per_month is null then 'overhead_unknown'
            when
                break_even_tokens_per_month is null
                and {{ break_even_tokens('replica_month_usd', 'net_price_per_mtok_usd') }} < tokens_per_replica
                then 'beyond_capacity'
            when break_even_tokens_per_month is null then 'never_pays'
            when replicas > max_replicas then 'beyond_capacity'
            when self_hosted_month_usd > api_month_usd then 'api_cheaper'
            when commitment_self_hosted_cost_usd > commitment_api_cost_usd then 'not_over_commitment'
            else 'self_hosting_cheaper'
        end as reason
    from joined

),

decided as (

    select
        *,
        case
            when reason in ('api_price_unknown', 'quality_unknown', 'gpu_rate_unknown', 'overhead_unknown') then 'unknown'
            when reason = 'self_hosting_cheaper' then 'self_host'
            else 'api'
        end as verdict
    from judged

)

select * from decided
