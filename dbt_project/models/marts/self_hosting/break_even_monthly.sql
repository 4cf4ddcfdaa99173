with verdicts as (

    select * from {{ ref('int_break_even_verdicts') }}

),

workloads as (

    select * from {{ ref('stg_config__self_hosting_workloads') }}

),

as_is as (

    select * from verdicts
    where case_name = 'as_is'

),

-- An input the verdict hangs on: with it off as far as it may be, the verdict is another.
moved as (

    select
        verdicts.workload_id,
        verdicts.comparator_id,
        verdicts.month_start,
        verdicts.input_name,
        max(case when verdicts.verdict <> as_is.verdict then 1 else 0 end) as is_decisive,
        max(abs(verdicts.commitment_saving_usd - as_is.commitment_saving_usd)) as swing_usd
    from verdicts
    inner join as_is
        on
            verdicts.workload_id = as_is.workload_id
            and verdicts.comparator_id = as_is.comparator_id
            and verdicts.month_start = as_is.month_start
    where verdicts.input_name is not null
    group by verdicts.workload_id, verdicts.comparator_id, verdicts.month_start, verdicts.input_name

),

ranked as (

    select
        *,
        row_number() over (
            partition by workload_id, comparator_id, month_start
            order by is_decisive desc nulls last, swing_usd desc nulls last, input_name asc nulls last
        ) as place,
        max(is_decisive) over (partition by workload_id, comparator_id, month_start) as any_decisive
    from moved

),

-- The inputs that turn it, three at most; where none does, the two that move the money most.
hinges as (

    select
        workload_id,
        comparator_id,
        month_start,
        max(is_decisive) = 0 as is_stable,
        max(case when place = 1 then input_name end) as first_input,
        max(case when place = 2 and (is_decisive = 1 or any_decisive = 0) then input_name end) as second_input,
        max(case when place = 3 and is_decisive = 1 then input_name end) as third_input
    from ranked
    group by workload_id, comparator_id, month_start

),

bands as (

    select
        workload_id,
        comparator_id,
        month_start,
        cast(min(commitment_saving_usd) as decimal(26, 12)) as lowest_saving_usd,
        cast(max(commitment_saving_usd) as decimal(26, 12)) as highest_saving_usd,
        min(break_even_tokens_per_month) as lowest_break_even_tokens,
        max(break_even_tokens_per_month) as highest_break_even_tokens,
        count(*) filter (where break_even_tokens_per_month is null) as cases_without_break_even
    from verdicts
    group by workload_id, comparator_id, month_start

),

final as (

    select
        as_is.month_start,
        as_is.workload_id,
        as_is.comparator_id,
        as_is.kind as comparator_kind,
        workloads.shape,
        cast(as_is.covered_days as integer) as covered_days,
        as_is.tokens,
        as_is.passing_share,
        cast(as_is.month_tokens as decimal(38, 0)) as tokens_per_month,
        cast(as_is.price_per_mtok_usd as decimal(38, 12)) as api_price_per_mtok_usd,
        cast(as_is.unpriced_calls as bigint) as unpriced_calls,
        cast(as_is.api_month_usd as decimal(38, 12)) as api_cost_per_month_usd,
        as_is.replicas,
        cast(as_is.replica_month_usd as decimal(38, 12)) as replica_cost_per_month_usd,
        cast(as_is.overhead_usd_per_month as decimal(38, 12)) as overhead_per_month_usd,
        cast(as_is.self_hosted_month_usd as decimal(38, 12)) as self_hosted_cost_per_month_usd,
        cast(as_is.tokens_per_replica as decimal(38, 0)) as tokens_per_replica_month,
        cast(as_is.tokens_per_replica * as_is.max_replicas as decimal(38, 0)) as capacity_tokens_per_month,
        cast(as_is.break_even_tokens_per_month as decimal(38, 0)) as break_even_tokens_per_month,
        cast(
            {{ break_even_tokens(
                'cast(as_is.replica_month_usd * as_is.min_replicas + as_is.overhead_usd_per_month as decimal(26, 12))',
                'as_is.net_price_per_mtok_usd'
            ) }} as decimal(38, 0)
        ) as break_even_tokens_without_capacity,
        cast(as_is.crossings as bigint) as crossings,
        as_is.break_even_tokens_per_month is not null as is_feasible,
        cast(as_is.replica_seconds as double) * cast(coalesce(as_is.passing_share, 1) as double)
        / nullif(cast(as_is.replicas as double) * as_is.covered_days * 86400, 0) as throughput_utilisation,
        cast(as_is.replica_seconds as double) * cast(as_is.tokens_per_replica as double)
        / nullif(cast(as_is.tokens as double) * as_is.month_days * 86400, 0) as reachable_utilisation,
        -- A price that is not above what grows with the work is reached at no utilisation.
        cast(
            (as_is.replica_month_usd * as_is.replicas + as_is.overhead_usd_per_month)
            * (cast(as_is.replica_seconds as double) * 1000000) as double
        ) / nullif(cast(
            cast(as_is.replicas as double) * as_is.month_days * 86400 * as_is.tokens
            * cast(greatest(as_is.net_price_per_mtok_usd, 0) as double) as double
        ), 0) as break_even_utilisation,
        as_is.commitment_months,
        cast(workloads.migration_usd as decimal(38, 12)) as migration_cost_usd,
        cast(as_is.commitment_api_cost_usd as decimal(38, 12)) as commitment_api_cost_usd,
        cast(as_is.commitment_self_hosted_cost_usd as decimal(38, 12)) as commitment_self_hosted_cost_usd,
        cast(as_is.commitment_saving_usd as decimal(38, 12)) as commitment_saving_usd,
        as_is.payback_months,
        as_is.verdict,
        as_is.reason,
        hinges.is_stable as is_verdict_stable,
        {%- for place in ['first', 'second', 'third'] %}
        hinges.{{ place }}_input as hinges_on_{{ place }},
        {%- endfor %}
        cast(bands.lowest_saving_usd as decimal(38, 12)) as lowest_commitment_saving_usd,
        cast(bands.highest_saving_usd as decimal(38, 12)) as highest_commitment_saving_usd,
        cast(bands.lowest_break_even_tokens as decimal(38, 0)) as lowest_break_even_tokens,
        cast(bands.highest_break_even_tokens as decimal(38, 0)) as highest_break_even_tokens,
        cast(bands.cases_without_break_even as bigint) as cases_without_break_even,
        workloads.flags
    from as_is
    inner join workloads
        on as_is.workload_id = workloads.workload_id
    left join hinges
        on
            as_is.workload_id = hinges.workload_id
            and as_is.comparator_id = hinges.comparator_id
            and as_is.month_start = hinges.month_start
    left join bands
        on
            as_is.workload_id = bands.workload_id
            and as_is.comparator_id = bands.comparator_id
            and as_is.month_start = bands.month_start

)

select * from final
