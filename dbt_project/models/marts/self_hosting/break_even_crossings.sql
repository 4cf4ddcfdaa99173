with steps as (

    select * from {{ ref('int_break_even_steps') }}
    where case_name = 'as_is'

),

crossings as (

    select
        month_start,
        workload_id,
        comparator_id,
        replicas,
        'self_hosting_from' as direction,
        crosses_up_at_tokens as tokens_per_month,
        fleet_month_usd
    from steps
    where crosses_up_at_tokens is not null
    union all
    select
        month_start,
        workload_id,
        comparator_id,
        replicas + 1 as replicas,
        'api_from' as direction,
        crosses_down_at_tokens as tokens_per_month,
        cast(null as decimal(26, 12)) as fleet_month_usd
    from steps
    where crosses_down_at_tokens is not null

),

final as (

    select
        month_start,
        workload_id,
        comparator_id,
        cast(
            row_number() over (
                partition by month_start, workload_id, comparator_id order by tokens_per_month asc nulls last
            ) as integer
        ) as crossing_number,
        direction,
        cast(tokens_per_month as decimal(38, 0)) as tokens_per_month,
        replicas
    from crossings

)

select * from final
