with invoices as (

    select * from {{ ref('stg_business__invoices') }}

),

rates as (

    select * from {{ ref('stg_config__fx_rates') }}

),

files as (

    select
        identity,
        max(file_name) as file_name
    from {{ ref('stg_meta__files') }}
    group by identity

),

-- An invoice that comes again replaces itself whole: its issue date decides, then the file's name, never its arrival.
versions as (

    select
        invoices.invoice_id,
        invoices.file_hash,
        row_number() over (
            partition by invoices.invoice_id
            order by max(invoices.issued_at) desc nulls last, max(files.file_name) desc nulls last, invoices.file_hash desc
        ) as version_rank
    from invoices
    left join files
        on invoices.file_hash = files.identity
    group by invoices.invoice_id, invoices.file_hash

),

current_lines as (

    select invoices.*
    from invoices
    inner join versions
        on
            invoices.invoice_id = versions.invoice_id
            and invoices.file_hash = versions.file_hash
    where versions.version_rank = 1

),

-- Settled at the rate of the day of issue, or the last one known before it.
rated as (

    select
        current_lines.file_hash,
        current_lines.row_number,
        rates.usd_per_unit,
        row_number() over (
            partition by current_lines.file_hash, current_lines.row_number
            order by rates.rate_date desc nulls last
        ) as rate_rank
    from current_lines
    inner join rates
        on
            current_lines.currency = rates.currency
            and rates.rate_date <= cast(current_lines.issued_at as date)
    where current_lines.currency <> 'USD'

),

settled as (

    select
        current_lines.*,
        case
            when current_lines.currency = 'USD' then current_lines.amount_ex_tax
            else cast(
                cast(current_lines.amount_ex_tax as decimal(22, 12)) * cast(rated.usd_per_unit as decimal(15, 8))
                as decimal(26, 12)
            )
        end as amount_usd
    from current_lines
    left join rated
        on
            current_lines.file_hash = rated.file_hash
            and current_lines.row_number = rated.row_number
            and rated.rate_rank = 1

)

select * from settled
