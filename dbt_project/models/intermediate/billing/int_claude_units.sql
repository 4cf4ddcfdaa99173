{#-
Claude Consumption Units bill all classes and tiers of an account's Claude models by one meter: tokens at the contract's prices,
at 0.01 USD the unit, which no discount touches (learn.microsoft.com, "Claude Consumption Units (CCU) billing in Microsoft
Foundry"; docs.aws.amazon.com, "Claude Platform on AWS, Billing"; read 2026-11-29). So the calls' contracted cost is their
quantity.
-#}
{%- set days = 'service_provider, billing_account_id, usage_date' -%}
{%- set keys = days ~ ', model, service_tier, meter' -%}
{%- set amounts = ['usd', 'effective_usd'] -%}
with bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

quantities as (

    select
        {{ days }},
        cast(sum(billed_quantity) as decimal(18, 0)) as units
    from {{ ref('int_bill_quantities') }}
    where meter = 'claude_consumption_unit'
    group by {{ days }}

),

billed as (

    select
        {{ days }},
        cast(sum(amount_usd) as decimal(26, 12)) as units_usd,
        cast(sum(coalesce(effective_amount_usd, amount_usd)) as decimal(26, 12)) as units_effective_usd,
        min(file_hash) as source_file_hash,
        min(row_number) as source_row_number
    from bill_lines
    where meter = 'claude_consumption_unit'
    group by {{ days }}

),

units as (

    select
        billed.*,
        quantities.units,
        cast(quantities.units * 0.01 as decimal(26, 12)) as worth_usd
    from billed
    left join quantities using ({{ days }})

),

billed_by_class as (

    select distinct {{ keys }}
    from bill_lines
    where model like 'claude%'

),

-- A class with a line of its own is not in the units.
logged as (

    select
        calls.service_provider,
        calls.billing_account_id,
        calls.usage_date,
        calls.model,
        calls.service_tier,
        calls.meter,
        calls.logged_quantity,
        calls.contracted_usd
    from {{ ref('int_logged_meters') }} as calls
    inner join units
        on
            calls.service_provider = units.service_provider
            and calls.billing_account_id = units.billing_account_id
            and calls.usage_date = units.usage_date
    left join billed_by_class
        on
            calls.service_provider = billed_by_class.service_provider
            and calls.billing_account_id = billed_by_class.billing_account_id
            and calls.usage_date = billed_by_class.usage_date
            and calls.model = billed_by_class.model
            and calls.service_tier = billed_by_class.service_tier
            and calls.meter = billed_by_class.meter
    where calls.model like 'claude%' and billed_by_class.meter is null and calls.contracted_usd > 0

),

spans as (

    select
        *,
        cast(coalesce(sum(contracted_usd) over (
            partition by {{ days }}
            order by model asc nulls last, service_tier asc nulls last, meter asc nulls last
            rows between unbounded preceding and 1 preceding
        ), 0) as decimal(26, 12)) as begins_at_usd,
        cast(sum(contracted_usd) over (
            partition by {{ days }}
            order by model asc nulls last, service_tier asc nulls last, meter asc nulls last
            rows between unbounded preceding and current row
        ) as decimal(26, 12)) as ends_at_usd,
        cast(sum(contracted_usd) over (partition by {{ days }}) as decimal(26, 12)) as total_usd
    from logged

),

totals as (

    select
        {{ days }},
        max(total_usd) as total_usd
    from spans
    group by {{ days }}

),

-- Quantities before money, as in int_anchor_groups: units that no call explains are no money of the calls. Half a unit,
-- since billed quantities are whole.
carried as (

    select
        units.*,
        coalesce(totals.total_usd, 0) as total_usd,
        {%- for amount in amounts %}
        case
            when totals.total_usd is null then cast(0 as decimal(26, 12))
            when units.worth_usd - totals.total_usd > 0.005
                then {{ divide_exact('units.units_' ~ amount, 'totals.total_usd', 'units.worth_usd', weight_places=12) }}
            else units.units_{{ amount }}
        end as carried_{{ amount }},
        {%- endfor %}
        coalesce(totals.total_usd - units.worth_usd > 0.005, false) as is_partly_billed
    from units
    left join totals using ({{ days }})

),

-- What is due up to the end of a class less what is due up to its beginning: the parts add up. Where the log has more than
-- the bill, as much of each class is surplus.
shared as (

    select
        spans.service_provider,
        spans.billing_account_id,
        spans.usage_date,
        spans.model,
        spans.service_tier,
        spans.meter,
        {%- for amount in amounts %}
        cast(
            {{ divide_exact('carried.carried_' ~ amount, 'spans.ends_at_usd', 'spans.total_usd', weight_places=12) }}
            - {{ divide_exact('carried.carried_' ~ amount, 'spans.begins_at_usd', 'spans.total_usd', weight_places=12) }}
            as decimal(26, 12)
        ) as billed_{{ amount }},
        {%- endfor %}
        case
            when carried.is_partly_billed
                then cast({{ divide_exact('spans.logged_quantity', 'carried.worth_usd', 'spans.total_usd', 0, 12) }} as decimal(18, 0))
            else spans.logged_quantity
        end as billed_quantity,
        carried.source_file_hash,
        carried.source_row_number
    from spans
    inner join carried using ({{ days }})

),

left_over as (

    select
        {{ days }},
        'unattributed' as model,
        'standard' as service_tier,
        'claude_consumption_unit' as meter,
        {%- for amount in amounts %}
        cast(units_{{ amount }} - carried_{{ amount }} as decimal(26, 12)) as billed_{{ amount }},
        {%- endfor %}
        cast(greatest(units - cast(total_usd * 100 as decimal(18, 0)), 0) as decimal(18, 0)) as billed_quantity,
        source_file_hash,
        source_row_number
    from carried
    where units_usd <> carried_usd or units_effective_usd <> carried_effective_usd

),

parts as (

    select * from shared
    union all
    select * from left_over

)

select * from parts
