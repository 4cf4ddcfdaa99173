{%- set keys = 'service_provider, billing_account_id, usage_date, model, service_tier, meter' -%}
with bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

quantities as (

    select * from {{ ref('int_bill_quantities') }}

),

call_meters as (

    select * from {{ ref('int_call_meters') }}

),

billed as (

    select
        {{ keys }},
        cast(sum(amount_usd) as decimal(26, 12)) as billed_usd,
        bool_and(is_final) as is_final,
        min(file_hash) as source_file_hash,
        min(row_number) as source_row_number
    from bill_lines
    where meter <> 'other'
    group by {{ keys }}

),

logged as (

    select
        {{ keys }},
        cast(sum(quantity) as decimal(18, 0)) as logged_quantity,
        cast(sum(weight) as decimal(31, 8)) as logged_weight,
        cast(sum(contracted_cost_usd) as decimal(26, 12)) as contracted_usd,
        min(call_id) as first_call_id
    from call_meters
    group by {{ keys }}

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
        billed.source_file_hash,
        billed.source_row_number,
        quantities.billed_quantity,
        coalesce(logged.logged_quantity, 0) as logged_quantity,
        coalesce(logged.logged_weight, 0) as logged_weight,
        logged.contracted_usd,
        logged.first_call_id
    from billed
    full outer join logged using ({{ keys }})
    left join quantities using ({{ keys }})

),

-- Quantities before money: calls get the billed money of their quantity, never the money of traffic no log has seen.
anchored as (

    select
        joined.*,
        coalesce(final_days.is_day_final, false) as is_final,
        case
            when not coalesce(final_days.is_day_final, false) then null
            when joined.logged_quantity = 0 then cast(0 as decimal(26, 12))
            when joined.billed_quantity is null or joined.logged_quantity >= joined.billed_quantity
                then coalesce(joined.billed_usd, cast(0 as decimal(26, 12)))
            else {{ divide_exact('joined.billed_usd', 'joined.logged_quantity', 'joined.billed_quantity') }}
        end as attributed_usd
    from joined
    left join final_days
        on
            joined.service_provider = final_days.service_provider
            and joined.billing_account_id = final_days.billing_account_id
            and joined.usage_date = final_days.usage_date

),

named as (

    select
        *,
        service_provider || ':' || billing_account_id || ':' || cast(usage_date as {{ dbt.type_string() }}) || ':'
        || model || ':' || service_tier || ':' || meter as group_id
    from anchored

)

select * from named
