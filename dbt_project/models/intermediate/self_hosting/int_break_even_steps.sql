{#- The most replicas that self_hosting.yml may name. -#}
{%- set most_replicas = 1000 -%}
with cases as (

    select * from {{ ref('int_break_even_cases') }}

),

counts as (

    {{ dbt.generate_series(most_replicas) }}

),

-- The cost of a fleet steps: the fewest replicas serve from the first token, one more each time the last one is full.
steps as (

    select
        cases.workload_id,
        cases.comparator_id,
        cases.month_start,
        cases.case_name,
        cases.net_price_per_mtok_usd,
        cast(counts.generated_number as integer) as replicas,
        case
            when counts.generated_number = cases.min_replicas then cast(1 as decimal(30, 0))
            else cast(cases.tokens_per_replica * (counts.generated_number - 1) + 1 as decimal(30, 0))
        end as from_tokens,
        cast(cases.tokens_per_replica * counts.generated_number as decimal(30, 0)) as up_to_tokens,
        cast(
            cast(cases.replica_month_usd as decimal(22, 12)) * cast(counts.generated_number as decimal(5, 0))
            + cases.overhead_usd_per_month
            as decimal(26, 12)
        ) as fleet_month_usd
    from cases
    inner join counts
        on
            cases.min_replicas <= counts.generated_number
            and cases.max_replicas >= counts.generated_number
    where cases.tokens_per_replica is not null

),

reached as (

    select
        *,
        {{ break_even_tokens('fleet_month_usd', 'net_price_per_mtok_usd') }} as reached_at_tokens
    from steps

),

paying as (

    select
        *,
        case when reached_at_tokens <= up_to_tokens then greatest(reached_at_tokens, from_tokens) end as pays_from_tokens
    from reached

),

neighbours as (

    select
        *,
        lag(pays_from_tokens) over (
            partition by workload_id, comparator_id, month_start, case_name order by replicas asc nulls last
        ) as paid_from_tokens,
        lead(pays_from_tokens) over (
            partition by workload_id, comparator_id, month_start, case_name order by replicas asc nulls last
        ) as next_pays_from_tokens,
        lead(replicas) over (
            partition by workload_id, comparator_id, month_start, case_name order by replicas asc nulls last
        ) as next_replicas
    from paying

),

-- It crosses up where it begins to pay and did not at the token before; down where the next token needs another replica and
-- does not pay.
crossings as (

    select
        workload_id,
        comparator_id,
        month_start,
        case_name,
        replicas,
        from_tokens,
        up_to_tokens,
        fleet_month_usd,
        net_price_per_mtok_usd,
        reached_at_tokens,
        pays_from_tokens,
        case
            when pays_from_tokens is not null and (paid_from_tokens is null or pays_from_tokens > from_tokens)
                then pays_from_tokens
        end as crosses_up_at_tokens,
        case
            when
                pays_from_tokens is not null
                and next_replicas is not null
                and (next_pays_from_tokens is null or next_pays_from_tokens > up_to_tokens + 1)
                then cast(up_to_tokens + 1 as decimal(30, 0))
        end as crosses_down_at_tokens
    from neighbours

)

select * from crossings
