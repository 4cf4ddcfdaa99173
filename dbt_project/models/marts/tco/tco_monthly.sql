{%- set lines = [
    'people', 'bad_answers', 'inference', 'supporting_layer', 'storage_network_ci', 'model_updates', 'security_compliance',
] -%}
with months as (

    select * from {{ ref('int_tco_months') }}

),

costs as (

    select * from {{ ref('int_tco_costs') }}

),

all_answers as (

    select * from {{ ref('int_tco_bad_answers') }}

),

economic as (

    select * from {{ ref('int_tco_economic') }}

),

revenue as (

    select * from {{ ref('fct_revenue') }}

),

answers as (

    select all_answers.*
    from all_answers
    inner join months on all_answers.month_start = months.month_start

),

lines as (

    {%- for line in lines %}
    select
        {{ loop.index }} as line_order,
        '{{ line }}' as line
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

products as (

    select
        month_start,
        product_id
    from costs

    union

    select
        month_start,
        product_id
    from answers

    union

    select
        month_start,
        product_id
    from economic

),

line_sums as (

    select
        month_start,
        product_id,
        line,
        {%- for source in ['bill', 'people', 'stated'] %}
        cast(sum(case when source = '{{ source }}' then cash_usd else 0 end) as decimal(26, 12)) as {{ source }}_usd,
        {%- endfor %}
        cast(sum(case when line = 'inference' and source = 'bill' and not is_gpu then cash_usd else 0 end) as decimal(26, 12))
            as token_bill_usd,
        cast(sum(case when line = 'inference' and is_gpu then cash_usd else 0 end) as decimal(26, 12)) as gpu_usd,
        cast(sum(case when line = 'inference' and carries_load then cash_usd else 0 end) as decimal(26, 12))
            as loaded_gpu_usd,
        cast(sum(case when is_serving_stack then cash_usd else 0 end) as decimal(26, 12)) as serving_stack_usd,
        cast(sum(cash_usd) as decimal(26, 12)) as cash_usd
    from costs
    group by month_start, product_id, line

),

-- Every product of a month has all lines.
filled as (

    select
        products.month_start,
        products.product_id,
        lines.line_order,
        lines.line,
        {%- for name in ['bill', 'people', 'stated', 'token_bill', 'gpu', 'loaded_gpu', 'serving_stack', 'cash'] %}
        coalesce(line_sums.{{ name }}_usd, cast(0 as decimal(26, 12))) as {{ name }}_usd,
        {%- endfor %}
        case when lines.line = 'bad_answers' then answers.judged_answers end as judged_answers,
        case when lines.line = 'bad_answers' then answers.wrong_answers end as wrong_answers,
        case when lines.line = 'bad_answers' then answers.unvalued_wrong_answers end as unvalued_wrong_answers,
        case
            when lines.line = 'bad_answers' then answers.bad_answers_usd
            else
                cast(
                    coalesce(line_sums.cash_usd, cast(0 as decimal(26, 12)))
                    + coalesce(economic.difference_usd, cast(0 as decimal(26, 12))) as decimal(26, 12)
                )
        end as economic_usd
    from products
    cross join lines
    left join line_sums
        on
            products.month_start = line_sums.month_start
            and products.product_id = line_sums.product_id
            and lines.line = line_sums.line
    left join economic
        on
            products.month_start = economic.month_start
            and products.product_id = economic.product_id
            and lines.line = economic.line
    left join answers
        on
            products.month_start = answers.month_start
            and products.product_id = answers.product_id

),

totals as (

    select
        month_start,
        product_id,
        cast(sum(cash_usd) as decimal(26, 12)) as cash_usd,
        cast(sum(token_bill_usd) as decimal(26, 12)) as token_bill_usd,
        cast(sum(gpu_usd) as decimal(26, 12)) as gpu_usd,
        cast(sum(loaded_gpu_usd) as decimal(26, 12)) as loaded_gpu_usd,
        cast(sum(serving_stack_usd) as decimal(26, 12)) as serving_stack_usd,
        cast(sum(case when line = 'inference' then cash_usd else 0 end) as decimal(26, 12)) as inference_usd,
        cast(
            sum(
                case when line in ('inference', 'supporting_layer', 'storage_network_ci') then cash_usd else 0 end
            ) as decimal(26, 12)
        ) as infrastructure_usd
    from filled
    group by month_start, product_id

),

-- Revenue nobody can convert leaves the month's unknown.
product_revenue as (

    select
        cast(date_trunc('month', service_date) as date) as month_start,
        product_id,
        case when count(*) = count(amount_usd) then cast(sum(amount_usd) as decimal(38, 12)) end as revenue_usd
    from revenue
    group by cast(date_trunc('month', service_date) as date), product_id

),

final as (

    select
        filled.month_start,
        filled.product_id,
        filled.line,
        cast(filled.line_order as integer) as line_order,
        months.covered_days,
        months.covered_days = months.month_days as is_complete,
        cast(filled.cash_usd as decimal(38, 12)) as cash_usd,
        cast(filled.economic_usd as decimal(38, 12)) as economic_usd,
        cast(filled.bill_usd as decimal(38, 12)) as billed_usd,
        cast(filled.people_usd as decimal(38, 12)) as people_usd,
        cast(filled.stated_usd as decimal(38, 12)) as stated_usd,
        cast(filled.token_bill_usd as decimal(38, 12)) as token_bill_usd,
        cast(filled.gpu_usd as decimal(38, 12)) as gpu_usd,
        cast(filled.loaded_gpu_usd as decimal(38, 12)) as loaded_gpu_usd,
        cast(filled.serving_stack_usd as decimal(38, 12)) as serving_stack_usd,
        filled.judged_answers,
        filled.wrong_answers,
        filled.unvalued_wrong_answers,
        cast(filled.cash_usd as double) / nullif(cast(totals.cash_usd as double), 0) as line_share,
        cast(totals.token_bill_usd as double) / nullif(cast(totals.cash_usd as double), 0) as token_bill_share,
        cast(totals.inference_usd as double) / nullif(cast(totals.infrastructure_usd as double), 0)
            as inference_share_of_infrastructure,
        product_revenue.revenue_usd,
        case
            when months.covered_days = months.month_days and product_revenue.revenue_usd > 0
                then 1 - cast(totals.cash_usd as double) / nullif(cast(product_revenue.revenue_usd as double), 0)
        end as fully_loaded_inference_margin,
        case when totals.loaded_gpu_usd > 0 then cast(totals.serving_stack_usd as double) end
        / nullif(cast(totals.loaded_gpu_usd as double), 0) as overhead_multiplier,
        case when totals.gpu_usd > 0 then cast(totals.serving_stack_usd as double) end
        / nullif(cast(totals.gpu_usd as double), 0) as overhead_multiplier_all_gpus
    from filled
    inner join totals
        on
            filled.month_start = totals.month_start
            and filled.product_id = totals.product_id
    inner join months
        on filled.month_start = months.month_start
    left join product_revenue
        on
            filled.month_start = product_revenue.month_start
            and filled.product_id = product_revenue.product_id

)

select * from final
