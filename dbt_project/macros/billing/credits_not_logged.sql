{#- Days a gateway took more credits for than its logged calls report: traffic that no log has seen. A cent is for rounding. -#}
{% macro credits_not_logged(model, service_provider) -%}
with taken as (

    select * from {{ ref(model) }}
    where {{ calls_are_there('usage_date') }}

),

logged as (

    select
        billing_account_id,
        usage_date,
        sum(reported_cost_usd) as reported_usd
    from {{ ref('fct_usage') }}
    where service_provider = '{{ service_provider }}'
    group by billing_account_id, usage_date

),

missing as (

    select
        taken.billing_account_id,
        taken.usage_date,
        taken.credits_usd,
        coalesce(logged.reported_usd, 0) as reported_usd
    from taken
    left join logged
        on
            taken.billing_account_id = logged.billing_account_id
            and taken.usage_date = logged.usage_date
    where taken.credits_usd > coalesce(logged.reported_usd, 0) * 1.01 + 0.01

)

select * from missing
{%- endmacro %}
