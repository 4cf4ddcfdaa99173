{#- What makes a line of a journal. -#}
{%- set journal = 'posting_period, service_provider, billing_account_id, kind' -%}
{%- set line = 'line_type, cost_nature, cost_center, tenant_id, source_invoice_id, corrects_journal_id' -%}
{%- set ordered_line -%}
line_type asc nulls last, cost_center asc nulls last, tenant_id asc nulls last, cost_nature asc nulls last,
        source_invoice_id asc nulls last, corrects_journal_id asc nulls last
{%- endset -%}
{%- set text = dbt.type_string() -%}
with postings as (

    select
        posting_period,
        service_provider,
        billing_account_id,
        {{ journal_kind() }} as kind,
        {{ journal_line_type() }} as line_type,
        cost_nature,
        coalesce(cost_center, 'unattributed') as cost_center,
        tenant_id,
        invoice_id as source_invoice_id,
        corrects_id,
        amount_usd
    from {{ ref('fct_allocations') }}

),

gl_map as (

    select
        *,
        case when cost_nature is null then 0 else 1 end
        + case when service_provider is null then 0 else 1 end
        + case when cost_center is null then 0 else 1 end as keys_named
    from {{ ref('stg_config__gl_map') }}

),

settings as (

    select company from {{ ref('stg_config__settings') }}

),

closed_lines as (

    select * from {{ ref('stg_accounting__closed_journal_lines') }}

),

corrected as (

    select distinct corrects_id
    from {{ ref('fct_allocations') }}
    where corrects_id is not null

),

kinds as (

    select
        allocation_id,
        posting_period,
        service_provider,
        billing_account_id,
        {{ journal_kind() }} as kind
    from {{ ref('fct_allocations') }}

),

originals as (

    select
        kinds.allocation_id,
        {{ journal_id('kinds.posting_period', 'kinds.kind') }} as journal_id
    from kinds
    inner join corrected
        on kinds.allocation_id = corrected.corrects_id

),

summed as (

    select
        {%- for name in (journal ~ ', ' ~ line).split(', ')[:-1] %}
        postings.{{ name }},
        {%- endfor %}
        originals.journal_id as corrects_journal_id,
        cast(sum(postings.amount_usd) as decimal(28, 12)) as amount_usd
    from postings
    left join originals
        on postings.corrects_id = originals.allocation_id
    group by
        {%- for name in (journal ~ ', ' ~ line).split(', ')[:-1] %}
        postings.{{ name }},
        {%- endfor %}
        originals.journal_id

),

-- Largest remainder: every amount down to the cent, the cents then missing to those that lost most.
floored as (

    select
        *,
        cast(floor(amount_usd * cast(100 as decimal(3, 0))) as decimal(26, 0)) as floor_cents
    from summed

),

ranked as (

    select
        *,
        row_number() over (
            partition by {{ journal }}
            order by amount_usd - cast(floor_cents as decimal(23, 0)) * cast(0.01 as decimal(2, 2)) desc, {{ ordered_line }}
        ) as rank_by_loss,
        cast(
            round(cast(sum(amount_usd) over (partition by {{ journal }}) as decimal(28, 12)) * cast(100 as decimal(3, 0)))
            as decimal(26, 0)
        )
        - cast(sum(floor_cents) over (partition by {{ journal }}) as decimal(26, 0)) as missing_cents
    from floored

),

lines as (

    select
        {{ journal }},
        {{ line }},
        cast(floor_cents + case when rank_by_loss <= missing_cents then 1 else 0 end as decimal(26, 0)) as cents,
        amount_usd
    from ranked

),

-- What a journal owes the clearing account: by largest remainder too, so that a month's journals of an account clear its
-- invoices to the cent.
journals as (

    select
        {{ journal }},
        case
            when min(source_invoice_id) = max(source_invoice_id) and count(*) = count(source_invoice_id)
                then min(source_invoice_id)
        end as source_invoice_id,
        cast(sum(cents) as decimal(26, 0)) as line_cents,
        cast(sum(amount_usd) as decimal(28, 12)) as amount_usd,
        cast(floor(cast(sum(amount_usd) as decimal(28, 12)) * cast(100 as decimal(3, 0))) as decimal(26, 0)) as floor_cents,
        kind = 'accrual' as is_accrual
    from lines
    group by {{ journal }}

),

ranked_journals as (

    select
        *,
        row_number() over (
            partition by posting_period, service_provider, billing_account_id, is_accrual
            order by
                amount_usd - cast(floor_cents as decimal(23, 0)) * cast(0.01 as decimal(2, 2)) desc,
                kind asc nulls last
        ) as rank_by_loss,
        cast(
            round(
                cast(
                    sum(amount_usd) over (partition by posting_period, service_provider, billing_account_id, is_accrual)
                    as decimal(28, 12)
                )
                * cast(100 as decimal(3, 0))
            ) as decimal(26, 0)
        )
        - cast(
            sum(floor_cents) over (partition by posting_period, service_provider, billing_account_id, is_accrual)
            as decimal(26, 0)
        ) as missing_cents
    from journals

),

cleared as (

    select
        {{ journal }},
        source_invoice_id,
        line_cents,
        cast(floor_cents + case when rank_by_loss <= missing_cents then 1 else 0 end as decimal(26, 0)) as cleared_cents
    from ranked_journals

),

offsets as (

    select
        {{ journal }},
        case when kind = 'accrual' then 'accrued_liability' else 'clearing' end as line_type,
        source_invoice_id,
        cast(-cleared_cents as decimal(26, 0)) as cents
    from cleared
    union all
    select
        {{ journal }},
        'rounding' as line_type,
        source_invoice_id,
        cast(cleared_cents - line_cents as decimal(26, 0)) as cents
    from cleared

),

entries as (

    select
        {{ journal }},
        {{ line }},
        cents
    from lines
    union all
    select
        {{ journal }},
        line_type,
        cast(null as {{ text }}) as cost_nature,
        cast(null as {{ text }}) as cost_center,
        cast(null as {{ text }}) as tenant_id,
        source_invoice_id,
        cast(null as {{ text }}) as corrects_journal_id,
        cents
    from offsets

),

-- An estimate is taken back when the next month begins, and then stands against the clearing account, as a bill would.
months as (

    select distinct
        posting_period,
        cast({{ dbt.dateadd('month', 1, "cast(posting_period || '-01' as date)") }} as date) as next_month
    from entries

),

dated as (

    select
        entries.*,
        cast({{ dbt.dateadd('day', -1, 'months.next_month') }} as date) as posting_date,
        cast(null as {{ text }}) as accrual_id,
        entries.posting_period as source_period
    from entries
    inner join months
        on entries.posting_period = months.posting_period

    {%- for kind, sign in [('reversal', '-'), ('settlement', '')] %}

    union all

    select
        substr(cast(months.next_month as {{ text }}), 1, 7) as posting_period,
        entries.service_provider,
        entries.billing_account_id,
        '{{ kind }}' as kind,
        {% if kind == 'settlement' -%}
        case when entries.line_type = 'accrued_liability' then 'clearing' else entries.line_type end as line_type,
        {%- else -%}
        entries.line_type,
        {%- endif %}
        entries.cost_nature,
        entries.cost_center,
        entries.tenant_id,
        entries.source_invoice_id,
        entries.corrects_journal_id,
        cast({{ sign }}entries.cents as decimal(26, 0)) as cents,
        months.next_month as posting_date,
        {{ journal_id('entries.posting_period', 'entries.kind') }} as accrual_id,
        entries.posting_period as source_period
    from entries
    inner join months
        on entries.posting_period = months.posting_period
    where entries.kind = 'accrual'
    {%- endfor %}

),

numbered as (

    select
        *,
        {{ journal_id('posting_period', 'kind') }} as journal_id,
        row_number() over (
            partition by {{ journal }}
            order by
                case line_type when 'expense' then 1 when 'fx' then 2 when 'rounding' then 3 else 4 end asc nulls last,
                {{ ordered_line }}
        ) as line_no
    from dated
    where cents <> 0

),

matched as (

    select
        numbered.*,
        coalesce(gl_map.account, 'unmapped') as account,
        gl_map.department,
        gl_map.class_name,
        gl_map.intercompany_partner,
        gl_map.tax_rate,
        row_number() over (
            partition by numbered.journal_id, numbered.line_no order by gl_map.keys_named desc, gl_map.account asc nulls last
        ) as match_number
    from numbered
    left join gl_map
        on
            numbered.line_type = gl_map.line_type
            and numbered.posting_date >= gl_map.valid_from
            and numbered.posting_date < gl_map.valid_to
            and (gl_map.service_provider is null or numbered.service_provider = gl_map.service_provider)
            and (gl_map.cost_nature is null or numbered.cost_nature = gl_map.cost_nature)
            and (gl_map.cost_center is null or numbered.cost_center = gl_map.cost_center)

),

posted as (

    select
        matched.journal_id,
        cast(matched.line_no as integer) as line_no,
        settings.company as entity,
        matched.posting_period,
        matched.posting_date,
        matched.kind,
        matched.line_type,
        matched.service_provider,
        matched.billing_account_id,
        matched.account,
        matched.department,
        matched.class_name,
        matched.intercompany_partner,
        matched.tax_rate,
        matched.cost_nature,
        matched.cost_center,
        matched.tenant_id,
        'USD' as currency,
        cast(1 as decimal(18, 8)) as fx_rate,
        case when matched.cents > 0 then cast(matched.cents * cast(0.01 as decimal(2, 2)) as decimal(28, 2)) end as debit_usd,
        case when matched.cents < 0 then cast(-matched.cents * cast(0.01 as decimal(2, 2)) as decimal(28, 2)) end as credit_usd,
        matched.source_invoice_id,
        'AI inference ' || matched.source_period || ', ' || matched.service_provider || ' ' || matched.billing_account_id
        || case matched.kind
            when 'accrual' then ', estimate before the bill'
            when 'reversal' then ', estimate taken back'
            when 'settlement' then ', estimate charged'
            when 'credit_memo' then ', credit'
            when 'correction' then ', correction'
            else ''
        end as memo,
        coalesce(matched.accrual_id, matched.corrects_journal_id) as reverses_journal_id
    from matched
    cross join settings
    where matched.match_number = 1

),

closed_journals as (

    select distinct journal_id
    from closed_lines

),

-- The journal of a closed period stays as it was, whatever becomes of the map of accounts.
kept as (

    select posted.*
    from posted
    left join closed_journals
        on posted.journal_id = closed_journals.journal_id
    where closed_journals.journal_id is null

    union all

    select
        journal_id,
        line_no,
        entity,
        posting_period,
        posting_date,
        kind,
        line_type,
        service_provider,
        billing_account_id,
        account,
        department,
        class_name,
        intercompany_partner,
        tax_rate,
        cost_nature,
        cost_center,
        tenant_id,
        currency,
        fx_rate,
        debit_usd,
        credit_usd,
        source_invoice_id,
        memo,
        reverses_journal_id
    from closed_lines

)

select * from kept
