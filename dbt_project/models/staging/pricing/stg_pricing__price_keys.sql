with source as (

    select * from {{ raw('pricing', 'price_keys') }}

),

typed as (

    select
        service_provider,
        host,
        region,
        price_region,
        model_id,
        service_tier,
        cast(usage_date as date) as usage_date,
        cast(window_start_second as integer) as window_start_second,
        cast(window_end_second as integer) as window_end_second,
        model,
        price_set_id,
        price_reason,
        cast(threshold_tokens as bigint) as threshold_tokens,
        cast(second_threshold_tokens as bigint) as second_threshold_tokens,
        cast(is_threshold_inclusive as boolean) as is_threshold_inclusive,
        cast(has_prompt_cache as boolean) as has_prompt_cache,
        common_model,
        cast(is_compared as boolean) as is_compared
    from source

)

select * from typed
