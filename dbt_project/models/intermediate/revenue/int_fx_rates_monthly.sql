with rates as (

    select * from {{ ref('stg_config__fx_rates') }}

),

revenue_days as (

    select * from {{ ref('int_revenue_days_spread') }}

),

openai as (

    select
        currency,
        usage_date
    from {{ ref('stg_openai__costs') }}

),
{%- for feed in cloud_bills() %}

{{ feed }} as (

    select
        currency,
        usage_date
    from {{ ref('stg_' ~ feed ~ '__bill_lines') }}

),
{%- endfor %}

bill_lines as (

    select * from openai
    {%- for feed in cloud_bills() %}
    union all
    select * from {{ feed }}
    {%- endfor %}

),

needed as (

    select
        currency,
        service_month
    from revenue_days
    where currency <> 'USD'
    union
    select
        currency,
        cast(date_trunc('month', usage_date) as date) as service_month
    from bill_lines
    where currency <> 'USD'

),

month_totals as (

    select
        currency,
        cast(date_trunc('month', rate_date) as date) as rate_month,
        cast(sum(usd_per_unit) as decimal(26, 12)) as usd_per_unit_total,
        count(*) as rate_days
    from rates
    group by currency, cast(date_trunc('month', rate_date) as date)

),

averages as (

    select
        currency,
        rate_month,
        {{ divide_exact('usd_per_unit_total', '1', 'rate_days') }} as usd_per_unit
    from month_totals

),

last_known as (

    select
        needed.currency,
        needed.service_month,
        rates.usd_per_unit,
        row_number() over (
            partition by needed.currency, needed.service_month
            order by rates.rate_date desc nulls last
        ) as rate_rank
    from needed
    inner join rates
        on
            needed.currency = rates.currency
            and rates.rate_date < needed.service_month

),

monthly as (

    select
        needed.currency,
        needed.service_month,
        cast(coalesce(averages.usd_per_unit, last_known.usd_per_unit) as decimal(15, 8)) as usd_per_unit
    from needed
    left join averages
        on
            needed.currency = averages.currency
            and needed.service_month = averages.rate_month
    left join last_known
        on
            needed.currency = last_known.currency
            and needed.service_month = last_known.service_month
            and last_known.rate_rank = 1

)

select * from monthly
