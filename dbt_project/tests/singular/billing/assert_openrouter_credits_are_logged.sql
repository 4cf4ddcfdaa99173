-- A day OpenRouter took more credits for than the logged calls report: traffic that no log has seen. A cent is for rounding.
{{ config(severity='warn') }}
with activity as (

    select * from {{ ref('stg_openrouter__activity') }}

),

logged as (

    select
        billing_account_id,
        usage_date,
        sum(reported_cost_usd) as reported_usd
    from {{ ref('fct_usage') }}
    where service_provider = 'openrouter'
    group by billing_account_id, usage_date

)

select
    activity.billing_account_id,
    activity.usage_date,
    activity.credits_usd,
    coalesce(logged.reported_usd, 0) as reported_usd
from activity
left join logged
    on
        activity.billing_account_id = logged.billing_account_id
        and activity.usage_date = logged.usage_date
where activity.credits_usd > coalesce(logged.reported_usd, 0) * 1.01 + 0.01
