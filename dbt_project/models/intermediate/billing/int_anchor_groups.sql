{%- set keys = 'service_provider, billing_account_id, usage_date, model, service_tier, meter' -%}
with bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

quantities as (

    select * from {{ ref('int_bill_quantities') }}

),

claude_units as (

    select * from {{ ref('int_claude_units') }}

),

logged as (

    select * from {{ ref('int_logged_meters') }}

),

price_ranges as (

    select * from {{ ref('int_price_ranges') }}

),

billed as (

    select
        {{ keys }},
        cast(sum(amount_usd) as decimal(26, 12)) as billed_usd,
        cast(sum(coalesce(effective_amount_usd, amount_usd)) as decimal(26, 12)) as billed_effective_usd,
        cast(null as decimal(18, 0)) as units_quantity,
        min(file_hash) as source_file_hash,
        min(row_number) as source_row_number
    from bill_lines
    where meter not in ('claude_consumption_unit', 'other')
    group by {{ keys }}

    union all

    select
        {{ keys }},
        billed_usd,
        billed_effective_usd,
        billed_quantity as units_quantity,
        source_file_hash,
        source_row_number
    from claude_units

),

final_days as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        bool_and(is_final) as is_day_final
    from bill_lines
    group by service_provider, billing_account_id, usage_date

),

joined as (

    select
        {{ keys }},
        billed.billed_usd,
        billed.billed_effective_usd,
        billed.source_file_hash,
        billed.source_row_number,
        coalesce(billed.units_quantity, quantities.billed_quantity) as billed_quantity,
        coalesce(logged.logged_quantity, 0) as logged_quantity,
        coalesce(logged.logged_weight, 0) as logged_weight,
        logged.contracted_usd,
        logged.first_call_id,
        logged.host,
        logged.price_set_id
    from billed
    full outer join logged using ({{ keys }})
    left join quantities using ({{ keys }})

),

rested as (

    select
        *,
        billed_quantity - logged_quantity as rest_quantity,
        billed_usd - contracted_usd as rest_usd
    from joined

),

-- The price of a class can have tiers the bill does not show. Where the contracted prices explain the bill, that is where
-- what is left beside the calls costs between the lowest and the highest tier, each call keeps its own tier's price.
-- Half a cent: what bills round their lines by.
explained as (

    select
        rested.*,
        rested.rest_quantity > 0
        and rested.rest_usd >= 0
        and rested.rest_usd
        >= cast(rested.rest_quantity * price_ranges.lowest_per_mtok_usd as decimal(26, 8)) * 0.000001 - 0.005
        and rested.rest_usd
        <= cast(rested.rest_quantity * price_ranges.highest_per_mtok_usd as decimal(26, 8)) * 0.000001 + 0.005
            as is_explained
    from rested
    left join price_ranges
        on
            rested.price_set_id = price_ranges.price_set_id
            and rested.meter = price_ranges.meter

),

-- Quantities before money: calls get the billed money of their quantity, never the money of traffic no log has seen.
anchored as (

    select
        explained.*,
        coalesce(final_days.is_day_final, false) as is_final,
        case
            when not coalesce(final_days.is_day_final, false) then null
            when explained.logged_quantity = 0 then cast(0 as decimal(26, 12))
            when explained.billed_quantity is null or explained.rest_quantity <= 0
                then coalesce(explained.billed_usd, cast(0 as decimal(26, 12)))
            when explained.is_explained then explained.contracted_usd
            else {{ divide_exact(
                'coalesce(explained.billed_usd, 0)', 'explained.logged_quantity', 'explained.billed_quantity', weight_places=0
            ) }}
        end as attributed_usd
    from explained
    left join final_days
        on
            explained.service_provider = final_days.service_provider
            and explained.billing_account_id = final_days.billing_account_id
            and explained.usage_date = final_days.usage_date

),

-- A bill that says itself what its usage cost beside what it charges for it: that goes by quantity.
effective as (

    select
        *,
        case
            when billed_effective_usd = billed_usd or billed_usd is null or attributed_usd is null or logged_quantity = 0
                then attributed_usd
            when billed_quantity is null or rest_quantity <= 0 then billed_effective_usd
            else {{ divide_exact('billed_effective_usd', 'logged_quantity', 'billed_quantity', weight_places=0) }}
        end as attributed_effective_usd
    from anchored

),

named as (

    select
        *,
        service_provider || ':' || billing_account_id || ':' || cast(usage_date as {{ dbt.type_string() }}) || ':'
        || model || ':' || service_tier || ':' || meter as group_id
    from effective

)

select * from named
