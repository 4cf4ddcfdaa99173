with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

uses as (

    select
        week_start,
        feature_id,
        task_type,
        purpose,
        service_provider,
        host,
        region,
        model_id,
        model,
        count(*) as calls,
        max(usage_date) as last_date
    from usage
    where
        pricing_status = 'priced'
        and service_tier = 'standard'
    group by week_start, feature_id, task_type, purpose, service_provider, host, region, model_id, model

)

select * from uses
