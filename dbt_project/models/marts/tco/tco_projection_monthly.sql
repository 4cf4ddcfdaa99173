with months as (

    select * from {{ ref('int_tco_months_ahead') }}

),

measured as (

    select * from {{ ref('tco_monthly') }}

),

timed as (

    select * from {{ ref('int_tco_timed') }}

),

timed_sums as (

    select
        month_start,
        product_id,
        line,
        cast(sum(cash_usd) as decimal(26, 12)) as timed_usd
    from timed
    where is_estimate
    group by month_start, product_id, line

),

-- Billed cost and bad answers go on by day as in the last complete month; those of inference and of answers with its growth.
billed as (

    select
        months.month_start,
        months.month_number,
        months.growth_percent,
        months.base_month_start,
        measured.product_id,
        measured.line,
        months.month_days,
        months.base_days,
        case when measured.line in ('inference', 'bad_answers') then months.inference_factor else 1 end as factor,
        cast(measured.billed_usd as decimal(26, 12)) as base_billed_usd,
        cast(
            cast(measured.economic_usd as decimal(26, 12))
            - case when measured.line = 'bad_answers' then 0 else cast(measured.cash_usd as decimal(26, 12)) end
            as decimal(26, 12)
        ) as base_economic_usd
    from months
    inner join measured
        on months.base_month_start = measured.month_start

),

grown as (

    select
        *,
        {{ divide_exact('base_billed_usd', 'factor * month_days', 'base_days') }} as billed_usd,
        {{ divide_exact('base_economic_usd', 'factor * month_days', 'base_days') }} as economic_difference_usd
    from billed

),

-- Products that have hours or stated costs ahead and nothing in the last complete month.
later as (

    select
        timed_sums.*,
        months.month_number,
        months.growth_percent,
        months.base_month_start
    from timed_sums
    inner join months
        on timed_sums.month_start = months.month_start
    left join grown
        on
            timed_sums.month_start = grown.month_start
            and timed_sums.product_id = grown.product_id
            and timed_sums.line = grown.line
    where grown.month_start is null

),

together as (

    select
        grown.month_start,
        grown.month_number,
        grown.growth_percent,
        grown.base_month_start,
        grown.product_id,
        grown.line,
        grown.billed_usd,
        grown.economic_difference_usd,
        coalesce(timed_sums.timed_usd, cast(0 as decimal(26, 12))) as timed_usd
    from grown
    left join timed_sums
        on
            grown.month_start = timed_sums.month_start
            and grown.product_id = timed_sums.product_id
            and grown.line = timed_sums.line

    union all

    select
        month_start,
        month_number,
        growth_percent,
        base_month_start,
        product_id,
        line,
        cast(0 as decimal(26, 12)) as billed_usd,
        cast(0 as decimal(26, 12)) as economic_difference_usd,
        timed_usd
    from later

),

final as (

    select
        month_start,
        product_id,
        line,
        month_number,
        base_month_start,
        true as is_estimate,
        cast(billed_usd + timed_usd as decimal(38, 12)) as cash_usd,
        cast(billed_usd + timed_usd + economic_difference_usd as decimal(38, 12)) as economic_usd,
        case line
            when 'people' then 'people.csv by its dates'
            when 'bad_answers' then 'wrong answers and their cost by day as in the last complete month, growing as inference'
            when 'inference' then 'billed by day as in the last complete month, growing as tco.yml says'
            when 'model_updates' then 'updates of tco.yml by their dates; billed by day as in the last complete month'
            else 'stated costs and people by their dates; billed by day as in the last complete month'
        end as assumption,
        case when line in ('inference', 'bad_answers') then growth_percent end as growth_percent_per_month
    from together

)

select * from final
