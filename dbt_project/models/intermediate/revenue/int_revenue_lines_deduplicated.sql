with reported_lines as (

    select * from {{ ref('stg_business__revenue') }}

),

files as (

    select * from {{ ref('stg_meta__files') }}

),

file_names as (

    select
        identity,
        max(file_name) as file_name
    from files
    where
        feed = 'business'
        and table_name = 'revenue'
        and status = 'committed'
    group by identity

),

versions as (

    select
        reported_lines.*,
        row_number() over (
            partition by reported_lines.revenue_id
            order by
                file_names.file_name desc nulls last,
                reported_lines.file_hash desc nulls last,
                reported_lines.row_number desc nulls last
        ) as version_rank
    from reported_lines
    left join file_names on reported_lines.file_hash = file_names.identity

),

latest as (

    select
        revenue_id,
        tenant_id,
        product_id,
        plan,
        type,
        service_from,
        service_to,
        cast({{ dbt.datediff('service_from', 'service_to', 'day') }} as integer) + 1 as service_days,
        -- a credit note takes back, whichever sign it was written with
        case when type = 'credit_note' then -abs(amount_ex_tax) else amount_ex_tax end as original_amount,
        currency
    from versions
    where version_rank = 1

)

select * from latest
