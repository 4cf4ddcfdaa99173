with decisions as (

    select * from {{ ref('break_even_monthly') }}

),

workloads as (

    select * from {{ ref('stg_config__self_hosting_workloads') }}

),

rules as (

    select * from {{ ref('stg_config__rules_of_thumb') }}

),

figures as (

    select
        decisions.month_start,
        decisions.workload_id,
        decisions.comparator_id,
        decisions.verdict,
        workloads.has_gpu_platform,
        rules.rule_id,
        rules.says,
        rules.figure,
        rules.kind,
        rules.needs_gpu_platform,
        rules.at_least,
        rules.at_most,
        rules.source,
        rules.checked,
        cast(
            case rules.figure
                when 'tokens_per_month' then cast(decisions.tokens_per_month as double)
                when 'tokens_per_year' then cast(decisions.tokens_per_month as double) * 12
                when 'tokens_per_day' then cast(decisions.tokens_per_month as double) * 12 / 365
                when 'api_usd_per_month' then cast(decisions.api_cost_per_month_usd as double)
                when 'api_usd_per_year' then cast(decisions.api_cost_per_month_usd as double) * 12
                when 'throughput_utilisation' then decisions.throughput_utilisation
                when 'api_cost_over_own_cost'
                    then
                        cast(decisions.api_cost_per_month_usd as double)
                        / nullif(cast(decisions.self_hosted_cost_per_month_usd as double), 0)
                when 'own_cost_over_gpu_cost'
                    then
                        cast(decisions.self_hosted_cost_per_month_usd as double)
                        / nullif(cast(cast(decisions.replica_cost_per_month_usd as decimal(26, 12)) * decisions.replicas as double), 0)
            end as double
        ) as company_figure
    from decisions
    inner join workloads
        on decisions.workload_id = workloads.workload_id
    cross join rules

),

placed as (

    select
        *,
        case
            when company_figure is null then 'unknown'
            when company_figure < cast(at_least as double) then 'below'
            when company_figure > cast(at_most as double) then 'above'
            when at_most is null then 'above'
            else 'within'
        end as place,
        case when needs_gpu_platform is null then true else needs_gpu_platform = has_gpu_platform end as is_for_the_company
    from figures

),

-- A threshold holds where it says what the company's own numbers say; an expectation where they lie within it.
judged as (

    select
        *,
        case
            when place = 'unknown' or verdict = 'unknown' then cast(null as boolean)
            when kind = 'expectation' then place = 'within'
            when place = 'within' then cast(null as boolean)
            else (place = 'above') = (verdict = 'self_host')
        end as holds
    from placed

),

final as (

    select
        month_start,
        workload_id,
        comparator_id,
        rule_id,
        says,
        kind,
        figure,
        company_figure,
        at_least,
        at_most,
        place,
        is_for_the_company,
        verdict,
        holds,
        source,
        checked
    from judged

)

select * from final
