{%- set price_key = ['service_provider', 'host', 'region', 'model_id', 'service_tier'] -%}
with price_keys as (

    select * from {{ ref('stg_pricing__price_keys') }}

),

price_sets as (

    select * from {{ ref('stg_pricing__price_sets') }}

),

calls as (

    select max(usage_date) as last_date
    from {{ ref('int_forecast_calls') }}

),

latest_dates as (

    select
        *,
        max(usage_date) over (partition by {{ price_key | join(', ') }}) as latest_date
    from price_keys

),

repriced_days as (

    select distinct
        {%- for name in price_key %}
        earlier.{{ name }},
        {%- endfor %}
        earlier.usage_date
    from latest_dates as earlier
    left join price_keys as latest
        on
            earlier.latest_date = latest.usage_date
            and earlier.window_start_second = latest.window_start_second
            and coalesce(earlier.price_set_id, '') = coalesce(latest.price_set_id, '')
            {%- for name in price_key %}
            and earlier.{{ name }} = latest.{{ name }}
            {%- endfor %}
    where
        latest.usage_date is null
        -- the forecast looks back on 52 weeks from a month that may be the last but one
        and earlier.usage_date > (select cast({{ dbt.dateadd('day', -7 * 52 - 31, 'calls.last_date') }} as date) from calls)

),

-- without the day itself, which moves on while the price stays
latest_prices as (

    select
        {%- for name in price_key %}
        latest_dates.{{ name }},
        {%- endfor %}
        {{ row_hash(
            'latest_dates.window_start_second, latest_dates.window_end_second, latest_dates.price_region, latest_dates.model, '
            ~ 'latest_dates.price_set_id, latest_dates.price_reason, latest_dates.threshold_tokens, '
            ~ 'latest_dates.second_threshold_tokens, latest_dates.is_threshold_inclusive, latest_dates.has_prompt_cache'
        ) }} as key_hash,
        {{ whole_row_hash('price_sets') }} as set_hash
    from latest_dates
    left join price_sets
        on latest_dates.price_set_id = price_sets.price_set_id
    where latest_dates.usage_date = latest_dates.latest_date

),

days as (

    select
        repriced_days.usage_date,
        {%- for name in price_key %}
        repriced_days.{{ name }},
        {%- endfor %}
        latest_prices.key_hash,
        latest_prices.set_hash
    from repriced_days
    inner join latest_prices
        on
            repriced_days.service_provider = latest_prices.service_provider
            {%- for name in price_key[1:] %}
            and repriced_days.{{ name }} = latest_prices.{{ name }}
            {%- endfor %}

)

select * from days
