with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

habits as (

    select
        week_start,
        feature_id,
        service_provider,
        model,
        count(*) as calls,
        cast(sum(cache_read_tokens) as double) / nullif(cast(sum(total_input_tokens) as double), 0) as hit_rate,
        cast(floor(percentile_cont(0.95) within group (order by reasoning_tokens + output_text_tokens asc)) as bigint)
            as long_output_tokens,
        cast(floor(cast(sum(total_input_tokens) as double) / nullif(count(*), 0)) as bigint) as mean_input_tokens
    from usage
    where pricing_status = 'priced'
    group by week_start, feature_id, service_provider, model

)

select * from habits
