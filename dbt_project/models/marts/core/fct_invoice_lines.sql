with invoice_lines as (

    select * from {{ ref('int_invoice_lines') }}

),

numbered as (

    select
        *,
        row_number() over (
            partition by invoice_id, line_type
            order by row_number asc nulls last
        ) as line_number,
        {{ dbt.dateadd('day', -1, 'billing_period_end') }} as last_day
    from invoice_lines

),

facts as (

    select
        invoice_id || ':' || line_type || ':' || cast(line_number as {{ dbt.type_string() }}) as invoice_line_id,
        invoice_id,
        line_type,
        service_provider,
        billing_account_id,
        billing_period_start,
        billing_period_end,
        substr(cast(cast(last_day as date) as {{ dbt.type_string() }}), 1, 7) as posting_period,
        issued_at,
        description,
        currency,
        cast(amount_ex_tax as decimal(38, 12)) as amount,
        cast(amount_usd as decimal(38, 12)) as amount_usd,
        case
            when line_type in ('credit', 'fee') or (line_type = 'commitment' and amount_usd >= 0)
                then 'invoice:' || file_hash || ':' || cast(row_number as {{ dbt.type_string() }})
        end as charge_id,
        file_hash as source_file_hash,
        row_number as source_row_number
    from numbered

)

select * from facts
