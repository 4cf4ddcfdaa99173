{%- do comes_after('int_forecast_prices') -%}
{%- set counts = [
    'input_uncached_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens', 'input_audio_tokens',
    'input_image_tokens', 'output_text_tokens', 'reasoning_tokens', 'output_audio_tokens', 'output_image_tokens',
    'total_input_tokens', 'total_output_tokens', 'searches', 'images', 'audio_seconds', 'video_seconds', 'characters', 'pages',
    'cache_storage_token_hours',
] -%}
{%- set price_key = ['service_provider', 'host', 'region', 'model_id', 'service_tier'] -%}
{%- set cell = ['product_id', 'cost_nature', 'cost_center'] + price_key -%}
with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('forecast', 'usage_date') }}

),

prices as (

    select * from {{ ref('int_forecast_prices') }}
    where {{ is_touched('forecast', 'usage_date') }}

),

price_keys as (

    select * from {{ ref('stg_pricing__price_keys') }}

),

latest_dates as (

    select
        {{ price_key | join(', ') }},
        max(usage_date) as latest_date
    from price_keys
    group by {{ price_key | join(', ') }}

),

repriced_days as (

    select distinct
        {%- for name in price_key %}
        prices.{{ name }},
        {%- endfor %}
        prices.usage_date,
        latest_dates.latest_date
    from prices
    inner join latest_dates
        on
            prices.service_provider = latest_dates.service_provider
            {%- for name in price_key[1:] %}
            and prices.{{ name }} = latest_dates.{{ name }}
            {%- endfor %}

),

changed as (

    select
        usage.usage_date as called_date,
        usage.product_id,
        usage.model as called_model,
        usage.cost_nature,
        usage.cost_center,
        usage.is_last_attempt,
        usage.contracted_cost_usd as paid_cost_usd,
        usage.call_id as response_id,
        {%- for name in price_key + counts %}
        usage.{{ name }},
        {%- endfor %}
        repriced_days.latest_date as usage_date,
        usage.started_at,
        usage.operation,
        usage.reported_cost_usd,
        usage.billing_status
    from usage
    inner join repriced_days
        on
            usage.usage_date = repriced_days.usage_date
            {%- for name in price_key %}
            and usage.{{ name }} = repriced_days.{{ name }}
            {%- endfor %}

),

priced as (

    select *
    from (
        {{ calls_priced('changed', ref('stg_pricing__price_keys'), ref('stg_pricing__price_sets')) | indent(8) }}
    ) as calls

),

summed as (

    select
        called_date as usage_date,
        called_model as model,
        {{ cell | join(', ') }},
        count(*) filter (where is_last_attempt) as requests,
        count(*) as calls,
        cast(sum(total_input_tokens + total_output_tokens) as bigint) as tokens,
        cast(coalesce(sum(paid_cost_usd), 0) as decimal(26, 12)) as contracted_cost_usd,
        cast(coalesce(sum(contracted_cost_usd), 0) as decimal(26, 12)) as base_cost_usd,
        count(*) filter (where pricing_status = 'unpriced') as unpriced_calls,
        cast(coalesce(sum(total_input_tokens + total_output_tokens) filter (where pricing_status = 'unpriced'), 0) as bigint)
            as unpriced_tokens
    from priced
    group by called_date, called_model, {{ cell | join(', ') }}

)

select * from summed
