-- What a line says of a GPU node is that node's cost (assert_billed_rent_is_on_its_nodes).
with on_nodes as (

    select
        bill_line_id,
        cast(sum(amount_usd) as decimal(38, 12)) as amount_usd
    from {{ ref('int_gpu_rent_billed') }}
    group by bill_line_id

),

billed as (

    select
        lines.service_provider,
        lines.billing_account_id,
        lines.usage_date,
        cast(sum(lines.amount_usd - coalesce(on_nodes.amount_usd, 0)) as decimal(38, 12)) as billed_usd
    from {{ ref('int_bill_lines') }} as lines
    left join on_nodes
        on lines.bill_line_id = on_nodes.bill_line_id
    where lines.charge_category <> 'tax'
    group by lines.service_provider, lines.billing_account_id, lines.usage_date
    having bool_and(lines.is_final)

),

charged as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        cast(sum(amount_usd + drawn_usd) as decimal(38, 12)) as charged_usd
    from {{ ref('int_bill_charges') }}
    group by service_provider, billing_account_id, usage_date

),

differing as (

    select
        billed.service_provider,
        billed.billing_account_id,
        billed.usage_date,
        billed.billed_usd,
        charged.charged_usd
    from billed
    left join charged
        on
            billed.service_provider = charged.service_provider
            and billed.billing_account_id = charged.billing_account_id
            and billed.usage_date = charged.usage_date
    where billed.billed_usd <> coalesce(charged.charged_usd, 0)

)

select * from differing
