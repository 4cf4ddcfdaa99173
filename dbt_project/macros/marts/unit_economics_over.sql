{#- unit_economics_daily summed over a longer period, 'week' (ISO, Monday) or 'month': both are built from days. -#}
{% macro unit_economics_over(period) %}
{%- set counts = [
    'requests', 'calls', 'input_uncached_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'input_audio_tokens', 'input_image_tokens', 'output_text_tokens', 'reasoning_tokens', 'output_audio_tokens',
    'output_image_tokens', 'searches',
] -%}
{%- set amounts = [
    'list_cost_usd', 'contracted_cost_usd', 'billed_cost_usd', 'effective_cost_usd', 'cogs_cost_usd',
    'credit_offset_usd', 'cogs_credit_offset_usd', 'retry_cost_usd', 'escalation_cost_usd', 'fallback_cost_usd', 'failed_cost_usd', 'reasoning_cost_usd',
] -%}
with days as (

    select
        unit_economics_daily.*,
        cast(date_trunc('{{ period }}', usage_date) as date) as {{ period }}_start
    from {{ ref('unit_economics_daily') }} as unit_economics_daily

),

periods as (

    select
        {{ period }}_start,
        tenant_id,
        product_id,
        feature_id,
        service_provider,
        host,
        model,
        environment,
        plan,
        {%- for name in counts %}
        cast(sum({{ name }}) as bigint) as {{ name }},
        {%- endfor %}
        {%- for name in amounts %}
        cast(sum({{ name }}) as decimal(38, 12)) as {{ name }},
        {%- endfor %}
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens
    from days
    group by
        {{ period }}_start, tenant_id, product_id, feature_id,
        service_provider, host, model, environment, plan

)

select * from periods
{% endmacro %}
