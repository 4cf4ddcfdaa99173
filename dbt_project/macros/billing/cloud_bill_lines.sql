{#-
The lines of a cloud bill with the columns int_bill_lines and int_bill_quantities read, from the lake columns of
sources/bill.py: the last export of each billing period.
-#}
{% macro cloud_bill_lines(feed, table) %}
with source as (

    select * from {{ raw(feed, table) }}

),

latest as (

    select
        service_provider,
        billing_account_id,
        billing_period_start,
        max(retrieved_at) as retrieved_at
    from source
    group by service_provider, billing_account_id, billing_period_start

),

-- An export is a snapshot: the last one retrieved replaces the whole billing period.
current_lines as (

    select
        source.*,
        case
            when source.charge_end <= {{ dbt.dateadd('day', 1, 'source.charge_start') }} then source.charge_start
            -- A charge of several days stands on its last day, or on the last one of the period that bills it.
            when source.charge_end <= source.billing_period_end then {{ dbt.dateadd('second', -1, 'source.charge_end') }}
            else {{ dbt.dateadd('second', -1, 'source.billing_period_end') }}
        end as charged_at
    from source
    inner join latest
        on
            source.service_provider = latest.service_provider
            and source.billing_account_id = latest.billing_account_id
            and source.billing_period_start = latest.billing_period_start
            and source.retrieved_at = latest.retrieved_at

),

dated as (

    select
        service_provider,
        billing_account_id,
        billing_scope_id,
        cast(charged_at as date) as usage_date,
        {{ dbt.dateadd('day', 1, 'cast(cast(charged_at as date) as timestamp)') }} as bucket_end,
        retrieved_at,
        charge_start,
        charge_end,
        model_id,
        line_item,
        resource_id,
        resource_hours,
        gpu_hours,
        service_tier,
        -- tax of tokens is no cost of them
        case when charge_category = 'tax' then 'other' else meter end as meter,
        charge_category,
        billed_amount as amount,
        effective_amount,
        quantity,
        currency,
        tags,
        file_hash,
        row_number
    from current_lines

)

select * from dated
{% endmacro %}
