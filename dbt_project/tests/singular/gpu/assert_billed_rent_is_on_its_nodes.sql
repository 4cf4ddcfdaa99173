-- A node's day costs what the final lines of its bill say, to the last digit, and no line gives nodes more than it has.
with parts as (

    select * from {{ ref('int_gpu_rent_billed') }}

),

billed as (

    select
        cast(usage_date as {{ dbt.type_string() }}) || ' ' || node_id as place,
        cast(sum(amount_usd) as decimal(38, 12)) as billed_usd
    from parts
    where is_final
    group by cast(usage_date as {{ dbt.type_string() }}) || ' ' || node_id

),

costs as (

    select
        cast(usage_date as {{ dbt.type_string() }}) || ' ' || node_id as place,
        cast(sum(book_cost_usd) as decimal(38, 12)) as placed_usd,
        max(case when line = 'billed' then 1 else 0 end) as is_billed
    from {{ ref('int_gpu_node_costs') }}
    group by cast(usage_date as {{ dbt.type_string() }}) || ' ' || node_id

),

lines as (

    select
        parts.bill_line_id as place,
        cast(max(lines.amount_usd) as decimal(38, 12)) as billed_usd,
        cast(sum(parts.amount_usd) as decimal(38, 12)) as placed_usd
    from parts
    left join {{ ref('int_bill_lines') }} as lines
        on parts.bill_line_id = lines.bill_line_id
    group by parts.bill_line_id

),

differing as (

    select
        coalesce(billed.place, costs.place) as place,
        billed.billed_usd,
        costs.placed_usd
    from billed
    full outer join costs
        on billed.place = costs.place
    where
        (billed.place is not null or costs.is_billed = 1)
        and (billed.billed_usd is null or costs.placed_usd is null or billed.billed_usd <> costs.placed_usd)

    union all

    select
        place,
        billed_usd,
        placed_usd
    from lines
    where billed_usd is null or placed_usd > billed_usd

)

select * from differing
