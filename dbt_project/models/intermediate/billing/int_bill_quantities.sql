{#- The lines of cloud bills carry their quantities. -#}
with openai as (

    select
        'openai' as service_provider,
        billing_account_id, usage_date, model_id, service_tier,
        input_uncached_tokens as input_uncached, cache_read_tokens as cache_read,
        cache_write_5m_tokens as cache_write_5m, 0 as cache_write_1h, input_audio_tokens as input_audio,
        input_image_tokens as input_image, output_text_tokens as output, output_audio_tokens as output_audio,
        output_image_tokens as output_image, 0 as search
    from {{ ref('stg_openai__usage_completions') }}

),

anthropic as (

    select
        'anthropic' as service_provider,
        billing_account_id, usage_date, model_id, service_tier,
        input_uncached_tokens as input_uncached, cache_read_tokens as cache_read,
        cache_write_5m_tokens as cache_write_5m, cache_write_1h_tokens as cache_write_1h, 0 as input_audio,
        0 as input_image, output_tokens as output, 0 as output_audio, 0 as output_image, searches as search
    from {{ ref('stg_anthropic__usage_messages') }}

),

openai_meters as (

    select
        'openai' as service_provider,
        billing_account_id,
        usage_date,
        model_id,
        'standard' as service_tier,
        meter,
        quantity
    from {{ ref('stg_openai__usage_meters') }}
    where meter <> 'other'

),
{%- for feed in cloud_bills() %}

{{ feed }} as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        model_id,
        service_tier,
        meter,
        quantity
    from {{ ref('stg_' ~ feed ~ '__bill_lines') }}
    where quantity is not null and meter <> 'other'

),
{%- endfor %}

aliases as (

    select * from {{ ref('stg_pricing__model_aliases') }}

),

usage as (

    select * from openai
    union all
    select * from anthropic

),

metered as (
    {%- for meter in [
        'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output',
        'output_audio', 'output_image', 'search',
    ] %}

    select
        usage.service_provider,
        usage.billing_account_id,
        usage.usage_date,
        '{{ meter }}' as meter,
        {%- if meter == 'search' %}
        'unattributed' as model,
        'standard' as service_tier,
        {%- else %}
        coalesce(aliases.model, usage.model_id) as model,
        {{ billed_tier('usage.service_provider', 'usage.service_tier') }} as service_tier,
        {%- endif %}
        usage.{{ meter }} as quantity
    from usage
    left join aliases
        on
            usage.service_provider = aliases.service_provider
            and usage.model_id = aliases.model_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- for feed in ['openai_meters'] + cloud_bills() %}
    union all

    select
        {{ feed }}.service_provider,
        {{ feed }}.billing_account_id,
        {{ feed }}.usage_date,
        {{ feed }}.meter,
        case
            when {{ feed }}.meter = 'search' then 'unattributed'
            else coalesce(aliases.model, {{ feed }}.model_id, 'unattributed')
        end as model,
        case
            when {{ feed }}.meter = 'search' then 'standard'
            else {{ billed_tier(feed ~ '.service_provider', feed ~ '.service_tier') }}
        end as service_tier,
        {{ feed }}.quantity
    from {{ feed }}
    left join aliases
        on
            {{ feed }}.service_provider = aliases.service_provider
            and {{ feed }}.model_id = aliases.model_id
    {%- endfor %}

),

summed as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        model,
        service_tier,
        meter,
        cast(sum(quantity) as decimal(18, 0)) as billed_quantity
    from metered
    group by service_provider, billing_account_id, usage_date, model, service_tier, meter
    having sum(quantity) > 0

)

select * from summed
