{%- set keys = 'service_provider, billing_account_id, usage_date, model, service_tier, meter' -%}
{%- set causes = [
    'duplicate_logs', 'unbilled_calls', 'unlogged_traffic', 'late_logs', 'late_bill', 'token_class_difference',
    'service_tier_difference', 'gpu_hours_difference', 'price_difference', 'non_token_meters', 'credits_discounts', 'fees', 'fx', 'rounding',
] -%}
{#- Cast after each step: Spark cuts decimals of what would need more than 38 digits. -#}
{%- set difference = namespace(of='cast(variance_usd as decimal(26, 12))') -%}
{%- for cause in causes -%}
{%- set difference.of = 'cast(' ~ difference.of ~ ' - cast(' ~ cause ~ '_usd as decimal(26, 12)) as decimal(26, 12))' -%}
{%- endfor -%}
with groups as (

    select * from {{ ref('int_anchor_groups') }}

),

unbillable as (

    select * from {{ ref('int_unbillable_meters') }}

),

charges as (

    select * from {{ ref('fct_charges') }}

),

rent_billed as (

    select * from {{ ref('int_gpu_rent_billed') }}

),

expected_files as (

    select * from {{ ref('stg_meta__expected_files') }}

),

accounts as (

    select * from {{ ref('stg_config__billing_accounts') }}

),

-- Days of an account whose gateway has not sent its log.
gateway_gaps as (

    select distinct
        groups.service_provider,
        groups.billing_account_id,
        groups.usage_date
    from groups
    inner join accounts
        on
            groups.service_provider = accounts.service_provider
            and groups.billing_account_id = accounts.billing_account_id
            and groups.usage_date >= accounts.valid_from
            and groups.usage_date < accounts.valid_to
    inner join expected_files
        on
            accounts.gateway = expected_files.feed
            and groups.usage_date >= expected_files.expected_date
            and groups.usage_date <= expected_files.last_date
    where not expected_files.has_arrived and expected_files.table_name <> 'bills'

),

never_billed as (

    select
        {{ keys }},
        cast(sum(quantity) as decimal(18, 0)) as quantity,
        cast(coalesce(sum(contracted_usd) filter (where cause = 'duplicate_logs'), 0) as decimal(26, 12)) as duplicate_usd,
        cast(coalesce(sum(contracted_usd) filter (where cause = 'unbilled_calls'), 0) as decimal(26, 12)) as unbilled_usd
    from unbillable
    group by {{ keys }}

),

-- What the log has and the bill has not, and the other way round, of a day whose bill is final.
compared as (

    select
        {{ keys }},
        case
            when meter like 'output%' then 'output'
            when meter like 'input%' or meter like 'cache%' then 'input'
            else meter
        end as direction,
        coalesce(groups.is_final, false) as is_final,
        coalesce(groups.logged_quantity, 0) as billable_quantity,
        coalesce(groups.logged_quantity, 0) + coalesce(never_billed.quantity, 0) as logged_quantity,
        groups.billed_quantity,
        coalesce(groups.contracted_usd, 0) as contracted_usd,
        coalesce(groups.billed_usd, 0) as billed_usd,
        coalesce(groups.attributed_usd, 0) as attributed_usd,
        coalesce(groups.attributed_effective_usd, groups.attributed_usd, 0) as attributed_effective_usd,
        coalesce(never_billed.duplicate_usd, 0) as duplicate_usd,
        coalesce(never_billed.unbilled_usd, 0) as unbilled_usd,
        case
            when not groups.is_final or (groups.billed_quantity is null and groups.billed_usd is not null) then 0
            else greatest(coalesce(groups.logged_quantity, 0) - coalesce(groups.billed_quantity, 0), 0)
        end as surplus_quantity,
        case
            when not groups.is_final or groups.billed_quantity is null then 0
            else greatest(groups.billed_quantity - coalesce(groups.logged_quantity, 0), 0)
        end as missing_quantity,
        groups.contracted_usd is null and coalesce(groups.logged_quantity, 0) > 0 as is_unpriced
    from groups
    full outer join never_billed using ({{ keys }})

),

-- Tokens the log has in one class and the bill in another of the same call: they leave one row and show up in the next.
by_class as (

    select
        *,
        cast(sum(surplus_quantity) over (
            partition by service_provider, billing_account_id, usage_date, model, service_tier, direction
        ) as decimal(18, 0)) as class_surplus_quantity,
        cast(sum(missing_quantity) over (
            partition by service_provider, billing_account_id, usage_date, model, service_tier, direction
        ) as decimal(18, 0)) as class_missing_quantity
    from compared

),

class_moved as (

    select
        *,
        cast(
            {{ divide_exact('surplus_quantity', 'least(class_surplus_quantity, class_missing_quantity)', 'class_surplus_quantity', 0, 0) }}
            as decimal(18, 0)
        ) as class_surplus_moved,
        cast(
            {{ divide_exact('missing_quantity', 'least(class_surplus_quantity, class_missing_quantity)', 'class_missing_quantity', 0, 0) }}
            as decimal(18, 0)
        ) as class_missing_moved
    from by_class

),

by_tier as (

    select
        *,
        surplus_quantity - coalesce(class_surplus_moved, 0) as tier_surplus,
        missing_quantity - coalesce(class_missing_moved, 0) as tier_missing,
        cast(sum(surplus_quantity - coalesce(class_surplus_moved, 0)) over (
            partition by service_provider, billing_account_id, usage_date, model, meter
        ) as decimal(18, 0)) as tier_surplus_quantity,
        cast(sum(missing_quantity - coalesce(class_missing_moved, 0)) over (
            partition by service_provider, billing_account_id, usage_date, model, meter
        ) as decimal(18, 0)) as tier_missing_quantity
    from class_moved

),

tier_moved as (

    select
        *,
        cast(
            {{ divide_exact('tier_surplus', 'least(tier_surplus_quantity, tier_missing_quantity)', 'tier_surplus_quantity', 0, 0) }}
            as decimal(18, 0)
        ) as tier_surplus_moved,
        cast(
            {{ divide_exact('tier_missing', 'least(tier_surplus_quantity, tier_missing_quantity)', 'tier_missing_quantity', 0, 0) }}
            as decimal(18, 0)
        ) as tier_missing_moved,
        -- At the contracted price what the bill lacks, at the billed price what the log lacks.
        case
            when is_unpriced then cast(0 as decimal(26, 12))
            else coalesce({{ divide_exact('contracted_usd', 'surplus_quantity', 'billable_quantity', weight_places=0) }}, 0)
        end as surplus_usd,
        case when missing_quantity > 0 then cast(attributed_usd - billed_usd as decimal(26, 12)) else 0 end as missing_usd
    from by_tier

),

moved as (

    select
        *,
        coalesce({{ divide_exact('surplus_usd', 'class_surplus_moved', 'surplus_quantity', weight_places=0) }}, 0) as class_surplus_usd,
        coalesce({{ divide_exact('missing_usd', 'class_missing_moved', 'missing_quantity', weight_places=0) }}, 0) as class_missing_usd,
        coalesce({{ divide_exact('surplus_usd', 'tier_surplus_moved', 'surplus_quantity', weight_places=0) }}, 0) as tier_surplus_usd,
        coalesce({{ divide_exact('missing_usd', 'tier_missing_moved', 'missing_quantity', weight_places=0) }}, 0) as tier_missing_usd
    from tier_moved

),

token_causes as (

    select
        moved.usage_date,
        moved.service_provider,
        moved.billing_account_id,
        moved.model,
        moved.meter || ':' || moved.service_tier as meter,
        cast(moved.logged_quantity as decimal(38, 6)) as logged_quantity,
        cast(moved.billed_quantity as decimal(38, 6)) as billed_quantity,
        moved.is_final,
        moved.contracted_usd + moved.duplicate_usd + moved.unbilled_usd as metered_cost_usd,
        moved.billed_usd as billed_cost_usd,
        moved.duplicate_usd as duplicate_logs_usd,
        moved.unbilled_usd + moved.surplus_usd - moved.class_surplus_usd - moved.tier_surplus_usd as unbilled_calls_usd,
        case when gateway_gaps.usage_date is null then moved.missing_usd - moved.class_missing_usd - moved.tier_missing_usd else 0 end
            as unlogged_traffic_usd,
        case when gateway_gaps.usage_date is not null then moved.missing_usd - moved.class_missing_usd - moved.tier_missing_usd else 0 end
            as late_logs_usd,
        case when moved.is_final or moved.is_unpriced then 0 else moved.contracted_usd - moved.billed_usd end as late_bill_usd,
        moved.class_surplus_usd + moved.class_missing_usd as token_class_difference_usd,
        moved.tier_surplus_usd + moved.tier_missing_usd as service_tier_difference_usd,
        0 as gpu_hours_difference_usd,
        case
            when moved.is_unpriced or not moved.is_final or moved.billed_quantity is null then 0
            else moved.contracted_usd - moved.surplus_usd - moved.attributed_effective_usd
        end as price_difference_usd,
        0 as non_token_meters_usd,
        moved.attributed_effective_usd - moved.attributed_usd as credits_discounts_usd,
        0 as fees_usd,
        0 as fx_usd,
        0 as rounding_usd
    from moved
    left join gateway_gaps
        on
            moved.service_provider = gateway_gaps.service_provider
            and moved.billing_account_id = gateway_gaps.billing_account_id
            and moved.usage_date = gateway_gaps.usage_date

),

-- What cents and exchange rates can make of an invoice's days: half a cent a charge, a tenth of the amount. An invoice that differs
-- by more has days the bill has not.
invoices as (

    select
        invoice_id,
        cast(count(*) as decimal(12, 0)) * 0.005 as most_rounding_usd,
        abs(cast(sum(amount_usd) as decimal(26, 12))) * 0.1 as most_fx_usd
    from charges
    where charge_category in ('usage', 'unlogged_traffic', 'non_token') and invoice_id is not null
    group by invoice_id

),

beside_calls as (

    select
        charges.*,
        invoices.most_rounding_usd,
        invoices.most_fx_usd
    from charges
    left join invoices
        on charges.invoice_id = invoices.invoice_id
    where charges.charge_category not in ('usage', 'unlogged_traffic', 'shortfall')

),

-- Charges that stand on the bill and in no call: each is its own cause. A GPU is metered at what it is charged.
charge_causes as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        model,
        meter,
        quantity as logged_quantity,
        quantity as billed_quantity,
        charge_status = 'anchored' as is_final,
        case when charge_category in ('gpu_busy', 'gpu_idle') then amount_usd else 0 end as metered_cost_usd,
        amount_usd as billed_cost_usd,
        0 as duplicate_logs_usd,
        0 as unbilled_calls_usd,
        0 as unlogged_traffic_usd,
        0 as late_logs_usd,
        0 as late_bill_usd,
        0 as token_class_difference_usd,
        0 as service_tier_difference_usd,
        0 as gpu_hours_difference_usd,
        0 as price_difference_usd,
        case when charge_category = 'non_token' then -amount_usd else 0 end as non_token_meters_usd,
        case when charge_category in ('credit', 'commitment') then -amount_usd else 0 end as credits_discounts_usd,
        case when charge_category = 'fee' then -amount_usd else 0 end as fees_usd,
        case when charge_category = 'fx' and abs(cast(amount_usd as decimal(26, 12))) <= most_fx_usd then -amount_usd else 0 end as fx_usd,
        case when charge_category = 'rounding' and abs(amount_usd) <= most_rounding_usd then -amount_usd else 0 end
            as rounding_usd
    from beside_calls

),

-- Usage the bill prices and the invoice does not charge: it was paid for before.
drawn_causes as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        model,
        'drawn' as meter,
        0 as logged_quantity,
        0 as billed_quantity,
        true as is_final,
        0 as metered_cost_usd,
        -drawn_usd as billed_cost_usd,
        0 as duplicate_logs_usd,
        0 as unbilled_calls_usd,
        0 as unlogged_traffic_usd,
        0 as late_logs_usd,
        0 as late_bill_usd,
        0 as token_class_difference_usd,
        0 as service_tier_difference_usd,
        0 as gpu_hours_difference_usd,
        0 as price_difference_usd,
        0 as non_token_meters_usd,
        drawn_usd as credits_discounts_usd,
        0 as fees_usd,
        0 as fx_usd,
        0 as rounding_usd
    from charges
    where charge_category in ('usage', 'unlogged_traffic') and charge_status = 'anchored' and drawn_usd <> 0

),

-- What the rate card expects of a node's day beside what the bill says of it: hours first, then their price. A GPU's charge is
-- the bill's once that is final, and the rate card's until then.
rent_days as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        is_final,
        cast(max(gpus) * 24 as decimal(18, 6)) as known_gpu_hours,
        cast(sum(billed_gpu_hours) as decimal(18, 6)) as billed_gpu_hours,
        cast(max(gpus) * 24 * max(usd_per_gpu_hour) as decimal(26, 12)) as expected_usd,
        cast(sum(amount_usd) as decimal(26, 12)) as billed_usd
    from rent_billed
    group by usage_date, node_id, service_provider, billing_account_id, is_final

),

rent_differences as (

    select
        *,
        cast(expected_usd - billed_usd as decimal(26, 12)) as difference_usd,
        case
            when is_final and billed_gpu_hours is not null
                then cast(
                    expected_usd - {{ divide_exact('expected_usd', 'billed_gpu_hours', 'known_gpu_hours', 12, 6) }}
                    as decimal(26, 12)
                )
            else cast(0 as decimal(26, 12))
        end as hours_usd
    from rent_days

),

rent_causes as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        'unattributed' as model,
        'gpu_rent' as meter,
        known_gpu_hours as logged_quantity,
        billed_gpu_hours as billed_quantity,
        is_final,
        case when is_final then difference_usd else 0 end as metered_cost_usd,
        case when is_final then 0 else -difference_usd end as billed_cost_usd,
        0 as duplicate_logs_usd,
        0 as unbilled_calls_usd,
        0 as unlogged_traffic_usd,
        0 as late_logs_usd,
        case when is_final then 0 else difference_usd end as late_bill_usd,
        0 as token_class_difference_usd,
        0 as service_tier_difference_usd,
        hours_usd as gpu_hours_difference_usd,
        case when is_final then difference_usd - hours_usd else 0 end as price_difference_usd,
        0 as non_token_meters_usd,
        0 as credits_discounts_usd,
        0 as fees_usd,
        0 as fx_usd,
        0 as rounding_usd
    from rent_differences

),

lines as (

    select * from token_causes
    union all
    select * from charge_causes
    union all
    select * from rent_causes
    union all
    select * from drawn_causes

),

summed as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        model,
        meter,
        cast(sum(logged_quantity) as decimal(38, 6)) as logged_quantity,
        cast(sum(billed_quantity) as decimal(38, 6)) as billed_quantity,
        cast(sum(metered_cost_usd) as decimal(38, 12)) as metered_cost_usd,
        cast(sum(billed_cost_usd) as decimal(38, 12)) as billed_cost_usd,
        cast(
            cast(sum(metered_cost_usd) as decimal(26, 12)) - cast(sum(billed_cost_usd) as decimal(26, 12)) as decimal(38, 12)
        ) as variance_usd,
        {%- for cause in causes %}
        cast(sum({{ cause }}_usd) as decimal(38, 12)) as {{ cause }}_usd,
        {%- endfor %}
        bool_and(is_final) as is_final
    from lines
    group by usage_date, service_provider, billing_account_id, model, meter

),

explained as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        model,
        meter,
        logged_quantity,
        billed_quantity,
        metered_cost_usd,
        billed_cost_usd,
        variance_usd,
        {%- for cause in causes %}
        {{ cause }}_usd,
        {%- endfor %}
        cast({{ difference.of }} as decimal(38, 12)) as unexplained_usd,
        is_final
    from summed

)

select * from explained
