with priced as (

    select *
    from (
        {{ calls_priced(ref('int_scenario_calls'), ref('stg_pricing__price_keys'), ref('stg_pricing__price_sets')) | indent(8) }}
    ) as calls

),

costs as (

    select
        feature_id,
        service_provider,
        model_id,
        fewer_input_tokens,
        cast(date_trunc('month', usage_date) as date) as month_start,
        count(*) filter (where contracted_cost_usd is null) as unpriced_calls,
        cast(sum(contracted_cost_usd) as decimal(26, 12)) as priced_cost_usd
    from priced
    group by feature_id, service_provider, model_id, fewer_input_tokens, cast(date_trunc('month', usage_date) as date)

)

select * from costs
