with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

counted as (

    select
        usage_date,
        service_provider,
        billing_account_id,
        tenant_id,
        product_id,
        cost_center,
        count(*) as calls,
        count(*) filter (where billing_status = 'billed') as billed_calls,
        count(*) filter (where is_last_attempt) as requests,
        cast(sum(total_input_tokens + total_output_tokens) as bigint) as tokens,
        count(*) filter (where service_tier = 'provisioned') as provisioned_calls,
        cast(coalesce(sum(total_input_tokens + total_output_tokens) filter (where service_tier = 'provisioned'), 0) as bigint)
            as provisioned_tokens
    from usage
    group by usage_date, service_provider, billing_account_id, tenant_id, product_id, cost_center

)

select * from counted
