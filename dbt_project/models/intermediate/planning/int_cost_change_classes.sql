{#- Price classes: tokens priced alike, and what a million of them costs by list. Cached input counts at the plain rate here; that it
cost less is the cache's effect. -#}
{%- set classes = {
    'input': ['input_tokens', 'coalesce(list_input_uncached_per_mtok_usd, list_cache_read_per_mtok_usd)'],
    'input_audio': ['input_audio_tokens', 'list_input_audio_per_mtok_usd'],
    'input_image': ['input_image_tokens', 'list_input_image_per_mtok_usd'],
    'output_text': ['output_text_tokens', 'list_output_per_mtok_usd'],
    'reasoning': ['reasoning_tokens', 'list_reasoning_per_mtok_usd'],
    'output_audio': ['output_audio_tokens', 'list_output_audio_per_mtok_usd'],
    'output_image': ['output_image_tokens', 'list_output_image_per_mtok_usd'],
} -%}
{%- set cached = {
    'input_uncached_tokens': 'list_input_uncached_per_mtok_usd',
    'cache_read_tokens': 'list_cache_read_per_mtok_usd',
    'cache_write_5m_tokens': 'list_cache_write_5m_per_mtok_usd',
    'cache_write_1h_tokens': 'list_cache_write_1h_per_mtok_usd',
} -%}
{%- set cell = ['week_start', 'tenant_id', 'product_id', 'feature_id', 'service_provider', 'host', 'model'] | join(', ') -%}
with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

price_sets as (

    select * from {{ ref('stg_pricing__price_sets') }}

),

-- within a group the prices are the same, so tokens add up before anything is multiplied
priced_groups as (

    select
        week_start,
        tenant_id,
        product_id,
        feature_id,
        service_provider,
        host,
        coalesce(model, 'unattributed') as model,
        price_set_id,
        context_tier,
        {%- for tokens in cached %}
        cast(sum({{ tokens }}) as decimal(18, 0)) as {{ tokens }},
        {%- endfor %}
        {%- for tokens, price in classes.values() if tokens != 'input_tokens' %}
        cast(sum({{ tokens }}) as decimal(18, 0)) as {{ tokens }},
        {%- endfor %}
        cast(sum(list_cost_usd) as decimal(26, 12)) as list_cost_usd
    from usage
    where pricing_status = 'priced' and superseded_as is null and not is_failed_last
    group by
        week_start, tenant_id, product_id, feature_id, service_provider, host, coalesce(model, 'unattributed'), price_set_id, context_tier

),

merged as (

    select
        {%- for tokens, price in classes.values() %}
        {{ price }} as {{ tokens | replace('_tokens', '') }}_per_mtok_usd,
        {%- endfor %}
        {%- for tokens, price in cached.items() %}
        {{ price }} as actual_{{ tokens | replace('_tokens', '') }}_per_mtok_usd,
        {%- endfor %}
        {{ cached | join(' + ') }} as input_tokens,
        priced_groups.*
    from priced_groups
    inner join price_sets
        on
            priced_groups.price_set_id = price_sets.price_set_id
            and priced_groups.context_tier = price_sets.context_tier

),

amounts as (

    select
        {{ cell }},
        {%- for tokens, price in classes.values() %}
        {{ tokens }},
        {{ usd_of_tokens(tokens, tokens | replace('_tokens', '') ~ '_per_mtok_usd') }} as {{ tokens | replace('_tokens', '') }}_usd,
        {%- endfor %}
        {%- for tokens in cached %}
        {%- set name = 'actual_' ~ (tokens | replace('_tokens', '')) %}
        {{ usd_of_tokens(tokens, name ~ '_per_mtok_usd') }} as {{ name }}_usd,
        {%- endfor %}
        list_cost_usd
    from merged

),

-- searches, images, seconds and what else is priced in its own unit, by how much of the list cost the tokens leave over
with_rest as (

    select
        *,
        cast(
            list_cost_usd
            {%- for tokens in cached %}
            - actual_{{ tokens | replace('_tokens', '') }}_usd
            {%- endfor %}
            {%- for tokens, price in classes.values() if tokens != 'input_tokens' %}
            - {{ tokens | replace('_tokens', '') }}_usd
            {%- endfor %}
            as decimal(26, 12)
        ) as other_units_usd
    from amounts

),

unpivoted as (

    {%- for name, (tokens, price) in classes.items() %}
    select
        {{ cell }},
        '{{ name }}' as price_class,
        {{ tokens }} as quantity,
        {{ tokens | replace('_tokens', '') }}_usd as plain_list_usd
    from with_rest
    where {{ tokens }} > 0
    union all
    {%- endfor %}
    select
        {{ cell }},
        'other_units' as price_class,
        cast(0 as decimal(18, 0)) as quantity,
        other_units_usd as plain_list_usd
    from with_rest
    where other_units_usd <> 0

),

classes as (

    select
        {{ cell }},
        price_class,
        cast(sum(quantity) as decimal(18, 0)) as quantity,
        cast(sum(plain_list_usd) as decimal(26, 12)) as plain_list_usd
    from unpivoted
    group by {{ cell }}, price_class

)

select * from classes
