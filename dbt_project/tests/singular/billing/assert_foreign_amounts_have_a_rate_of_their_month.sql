-- What a bill or revenue in another currency is worth by a rate of a month before, as config/fx_rates.csv has none of its own month.
{{ config(severity='warn') }}
with monthly as (

    select * from {{ ref('int_fx_rates_monthly') }}

),

rates as (

    select * from {{ ref('stg_config__fx_rates') }}

),

bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

files as (

    select * from {{ ref('stg_meta__files') }}

),

last_rates as (

    select
        monthly.currency,
        monthly.service_month,
        max(rates.rate_date) as last_rate_date
    from monthly
    inner join rates
        on
            monthly.currency = rates.currency
            and rates.rate_date < cast({{ dbt.dateadd('month', 1, 'monthly.service_month') }} as date)
    group by monthly.currency, monthly.service_month

),

-- The first line of a bill that needs the rate; revenue has none.
first_lines as (

    select
        bill_lines.currency,
        cast(date_trunc('month', bill_lines.usage_date) as date) as service_month,
        files.feed,
        files.file_name,
        bill_lines.row_number as file_row,
        row_number() over (
            partition by bill_lines.currency, date_trunc('month', bill_lines.usage_date)
            order by files.file_name asc nulls last, bill_lines.row_number asc nulls last
        ) as line_rank
    from bill_lines
    inner join files
        on bill_lines.file_hash = files.identity
    where bill_lines.currency <> 'USD'

)

select
    last_rates.currency,
    last_rates.service_month,
    last_rates.last_rate_date,
    first_lines.feed,
    first_lines.file_name,
    first_lines.file_row
from last_rates
left join first_lines
    on
        last_rates.currency = first_lines.currency
        and last_rates.service_month = first_lines.service_month
        and first_lines.line_rank = 1
where last_rates.last_rate_date < last_rates.service_month
