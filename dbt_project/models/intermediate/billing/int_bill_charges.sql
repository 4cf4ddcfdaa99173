with groups as (

    select * from {{ ref('int_anchor_groups') }}

),

bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

rent_billed as (

    select * from {{ ref('int_gpu_rent_billed') }}

),

-- What a bill's line says of a GPU node is the node's cost, or will be: a charge of its own is what is left.
on_nodes as (

    select
        bill_line_id,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd
    from rent_billed
    group by bill_line_id

),

beside_calls as (

    select
        bill_lines.*,
        cast(bill_lines.amount_usd - coalesce(on_nodes.amount_usd, 0) as decimal(26, 12)) as charged_usd,
        cast(
            coalesce(bill_lines.effective_amount_usd, bill_lines.amount_usd) - coalesce(on_nodes.amount_usd, 0) as decimal(26, 12)
        ) as charged_effective_usd
    from bill_lines
    left join on_nodes
        on bill_lines.bill_line_id = on_nodes.bill_line_id
    where
        bill_lines.meter = 'other'
        and bill_lines.charge_category <> 'tax'
        and (
            on_nodes.bill_line_id is null
            or bill_lines.amount_usd <> on_nodes.amount_usd
            or bill_lines.effective_amount_usd <> on_nodes.amount_usd
        )

),

-- An amount that is owed and paid for usage: prepaid, or a commitment that is paid for before it is used.
terms as (

    select * from {{ ref('stg_config__contract_terms') }}
    where kind in ('commitment', 'prepaid')

),

-- Of terms in a foreign currency. Their amounts are in USD of their first month, and so is what is used of them: 100 EUR of
-- usage draw 100 EUR, whatever they cost in USD by then.
rates as (

    select * from {{ ref('stg_config__contract_term_rates') }}

),

lines as (

    select
        'usage:' || group_id as charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id, usage_date, coalesce(host, 'direct') as host, model, service_tier, meter,
        'usage' as charge_category,
        case when is_final then 'anchored' else 'estimated' end as charge_status,
        cast(logged_quantity as decimal(38, 6)) as quantity,
        case when is_final then attributed_usd else contracted_usd end as billable_usd,
        case when is_final then attributed_effective_usd else contracted_usd end as stated_effective_usd,
        source_file_hash, source_row_number
    from groups
    where logged_quantity > 0

    union all

    select
        'unlogged:' || group_id as charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id, usage_date, coalesce(host, 'direct') as host, model, service_tier, meter,
        'unlogged_traffic' as charge_category,
        'anchored' as charge_status,
        cast(billed_quantity - logged_quantity as decimal(38, 6)) as quantity,
        cast(billed_usd - attributed_usd as decimal(26, 12)) as billable_usd,
        cast(billed_effective_usd - attributed_effective_usd as decimal(26, 12)) as stated_effective_usd,
        source_file_hash, source_row_number
    from groups
    where is_final and (billed_usd <> attributed_usd or billed_effective_usd <> attributed_effective_usd)

    union all

    select
        bill_line_id as charge_id, service_provider, billing_account_id,
        billing_scope_id, usage_date, 'direct' as host, model, service_tier, line_item as meter,
        case when charge_category in ('credit', 'fee', 'commitment') then charge_category else 'non_token' end as charge_category,
        case when is_final then 'anchored' else 'estimated' end as charge_status,
        cast(null as decimal(38, 6)) as quantity,
        charged_usd as billable_usd,
        case
            when effective_amount_usd is not null then charged_effective_usd
            when charge_category = 'commitment' and {{ pays_a_term('beside_calls', 'terms') }} then cast(0 as decimal(26, 12))
            else charged_usd
        end as stated_effective_usd,
        file_hash as source_file_hash, row_number as source_row_number
    from beside_calls

),

-- Such a bill has spread its prepaid amounts and commitments itself.
spread_by_bill as (

    select distinct
        service_provider,
        billing_account_id
    from bill_lines
    where effective_amount_usd <> amount_usd

),

covered as (

    select
        lines.charge_id,
        lines.usage_date,
        lines.charge_status,
        lines.billable_usd,
        terms.term_id,
        terms.amount_usd,
        terms.paid_usd,
        terms.used_before_usd,
        case
            when rates.term_id is null then lines.billable_usd
            else {{ divide_exact('lines.billable_usd', 'rates.first_usd_per_unit', 'rates.usd_per_unit') }}
        end as usage_usd
    from lines
    inner join terms
        on
            lines.service_provider = terms.service_provider
            and lines.billing_account_id = coalesce(terms.billing_account_id, lines.billing_account_id)
            and lines.usage_date >= terms.valid_from
            and lines.usage_date < terms.valid_to
    left join rates
        on
            terms.term_id = rates.term_id
            and lines.usage_date >= rates.valid_from
            and lines.usage_date < rates.valid_to
    left join spread_by_bill
        on
            lines.service_provider = spread_by_bill.service_provider
            and lines.billing_account_id = spread_by_bill.billing_account_id
    where
        lines.charge_category in ('usage', 'unlogged_traffic', 'non_token')
        and lines.billable_usd > 0
        and spread_by_bill.service_provider is null

),

used as (

    select
        *,
        cast(used_before_usd + sum(usage_usd) over (
            partition by term_id order by usage_date asc nulls last, charge_id asc nulls last
            rows between unbounded preceding and current row
        ) as decimal(26, 12)) as used_usd
    from covered

),

-- Where a charge begins and ends on the way from nothing used to all of it: what is paid up to there, less what was paid up to
-- the charge before, adds up to what was paid without a rest.
stretches as (

    select
        *,
        least(used_usd, amount_usd) as drawn_to_usd,
        least(cast(used_usd - usage_usd as decimal(26, 12)), amount_usd) as drawn_from_usd
    from used

),

drawn as (

    select
        charge_id,
        -- Of the charge itself; of a foreign term's last one, the part that was left.
        cast(
            case
                when billable_usd = usage_usd then drawn_to_usd - drawn_from_usd
                when drawn_to_usd - drawn_from_usd = usage_usd then billable_usd
                else {{ divide_exact('billable_usd', 'drawn_to_usd - drawn_from_usd', 'usage_usd') }}
            end as decimal(26, 12)
        ) as drawn_usd,
        cast(
            {{ divide_exact('paid_usd', 'drawn_to_usd', 'amount_usd') }} - {{ divide_exact('paid_usd', 'drawn_from_usd', 'amount_usd') }}
            as decimal(26, 12)
        ) as spread_usd
    from stretches
    where paid_usd is not null

),

data_days as (

    select
        min(usage_date) as first_day,
        max(usage_date) as last_day
    from lines

),

-- What nobody used by the last day: paid for and lost, or still owed.
ended as (

    select
        terms.term_id,
        max(terms.service_provider) as service_provider,
        coalesce(max(terms.billing_account_id), 'unattributed') as billing_account_id,
        cast({{ dbt.dateadd('day', -1, 'max(terms.valid_to)') }} as date) as usage_date,
        coalesce(max(stretches.charge_status), 'anchored') as charge_status,
        max(terms.amount_usd) as amount_usd,
        max(terms.paid_usd) as paid_usd,
        max(rates.usd_per_unit) as usd_per_unit,
        max(rates.first_usd_per_unit) as first_usd_per_unit,
        coalesce(max(stretches.drawn_to_usd), least(max(terms.used_before_usd), max(terms.amount_usd))) as drawn_usd
    from terms
    inner join data_days
        on
            terms.valid_to > data_days.first_day
            and terms.valid_to <= {{ dbt.dateadd('day', 1, 'data_days.last_day') }}
    left join stretches
        on terms.term_id = stretches.term_id
    left join rates
        on
            terms.term_id = rates.term_id
            and terms.valid_to = rates.valid_to
    left join spread_by_bill
        on
            terms.service_provider = spread_by_bill.service_provider
            and coalesce(terms.billing_account_id, spread_by_bill.billing_account_id) = spread_by_bill.billing_account_id
    where spread_by_bill.service_provider is null
    group by terms.term_id

),

shortfalls as (

    select
        *,
        -- What was paid is lost as it was paid; what is owed is so at the rate of the last day.
        cast(
            coalesce(
                paid_usd - {{ divide_exact('paid_usd', 'drawn_usd', 'amount_usd') }},
                {{ divide_exact('cast(amount_usd - drawn_usd as decimal(26, 12))', 'usd_per_unit', 'first_usd_per_unit') }},
                amount_usd - drawn_usd
            ) as decimal(26, 12)
        ) as shortfall_usd
    from ended
    where drawn_usd < amount_usd

),

charges as (

    select
        lines.charge_id,
        lines.service_provider,
        lines.billing_account_id,
        lines.billing_scope_id,
        lines.usage_date,
        lines.host,
        lines.model,
        lines.service_tier,
        lines.meter,
        lines.charge_category,
        lines.charge_status,
        lines.quantity,
        cast(lines.billable_usd - coalesce(drawn.drawn_usd, 0) as decimal(26, 12)) as amount_usd,
        cast(lines.stated_effective_usd - coalesce(drawn.drawn_usd - drawn.spread_usd, 0) as decimal(26, 12)) as effective_amount_usd,
        cast(coalesce(drawn.drawn_usd, 0) as decimal(26, 12)) as drawn_usd,
        lines.source_file_hash,
        lines.source_row_number
    from lines
    left join drawn
        on lines.charge_id = drawn.charge_id

    union all

    select
        'shortfall:' || term_id || ':' || cast(usage_date as {{ dbt.type_string() }}) as charge_id,
        service_provider,
        billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id,
        usage_date,
        'direct' as host,
        'unattributed' as model,
        'standard' as service_tier,
        term_id as meter,
        'shortfall' as charge_category,
        charge_status,
        cast(null as decimal(38, 6)) as quantity,
        cast(0 as decimal(26, 12)) as amount_usd,
        shortfall_usd as effective_amount_usd,
        cast(0 as decimal(26, 12)) as drawn_usd,
        cast(null as {{ dbt.type_string() }}) as source_file_hash,
        cast(null as bigint) as source_row_number
    from shortfalls

)

select * from charges
