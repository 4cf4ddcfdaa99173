{#- An open model at another host is asked for tokens; what else a call was charged for is no part of the comparison. -#}
{%- set tokens = [
    'input_audio_tokens', 'input_image_tokens', 'output_text_tokens', 'reasoning_tokens', 'output_audio_tokens',
    'output_image_tokens', 'total_input_tokens', 'total_output_tokens',
] -%}
{%- set cached = ['cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens'] -%}
{%- set others = ['searches', 'images', 'audio_seconds', 'video_seconds', 'characters', 'pages', 'cache_storage_token_hours'] -%}
with calls as (

    select * from {{ ref('int_self_hosting_calls') }}

),

comparators as (

    select * from {{ ref('stg_config__self_hosting_comparators') }}

),

matches as (

    select * from {{ ref('stg_config__self_hosting_matches') }}

),

caches as (

    select
        service_provider,
        model_id,
        usage_date,
        max(case when has_prompt_cache then 1 else 0 end) = 1 as has_prompt_cache
    from {{ ref('stg_pricing__price_keys') }}
    where host = 'direct' and region = 'unknown' and service_tier = 'standard'
    group by service_provider, model_id, usage_date

),

-- What a host without a prompt cache bills at its plain input price is no cached token there. Each call is at the
-- prices of its day and of its own length.
hosted as (

    select
        calls.workload_id,
        comparators.comparator_id,
        calls.month_start,
        calls.call_id as response_id,
        calls.usage_date,
        calls.started_at,
        comparators.service_provider,
        'direct' as host,
        'unknown' as region,
        comparators.model_id,
        'standard' as service_tier,
        'billed' as billing_status,
        cast(null as {{ dbt.type_string() }}) as operation,
        cast(null as decimal(38, 12)) as reported_cost_usd,
        {%- for name in others %}
        cast(0 as {{ 'decimal(20, 6)' if name.endswith(('seconds', 'hours')) else 'bigint' }}) as {{ name }},
        {%- endfor %}
        {%- for name in cached %}
        case when caches.has_prompt_cache then calls.{{ name }} else 0 end as {{ name }},
        {%- endfor %}
        case
            when caches.has_prompt_cache then calls.input_uncached_tokens
            else calls.input_uncached_tokens + calls.{{ cached | join(' + calls.') }}
        end as input_uncached_tokens,
        calls.{{ tokens | join(',\n        calls.') }}
    from calls
    inner join comparators
        on
            calls.workload_id = comparators.workload_id
            and calls.comparator_id is null
            and comparators.kind = 'same_model'
    left join caches
        on
            comparators.service_provider = caches.service_provider
            and comparators.model_id = caches.model_id
            and calls.usage_date = caches.usage_date

),

hosted_priced as (

    select *
    from (
        {{ calls_priced('hosted', ref('stg_pricing__price_keys'), ref('stg_pricing__price_sets')) | indent(8) }}
    ) as calls

),

named as (

    select distinct
        workload_id,
        comparator_id
    from matches
    where comparator_id is not null

),

-- What the company is billed: for the calls the comparator names, else for those of the workload that an API serves.
billed as (

    select
        calls.workload_id,
        comparators.comparator_id,
        calls.month_start,
        calls.total_input_tokens,
        calls.total_output_tokens,
        calls.effective_cost_usd
    from comparators
    left join named
        on
            comparators.workload_id = named.workload_id
            and comparators.comparator_id = named.comparator_id
    inner join calls
        on
            comparators.workload_id = calls.workload_id
            and coalesce(named.comparator_id, '') = coalesce(calls.comparator_id, '')
            and calls.host <> 'self_hosted'
    where comparators.kind = 'own_billed'

),

costed as (

    select
        workload_id,
        comparator_id,
        month_start,
        total_input_tokens + total_output_tokens as tokens,
        contracted_cost_usd as cost_usd
    from hosted_priced
    union all
    select
        workload_id,
        comparator_id,
        month_start,
        total_input_tokens + total_output_tokens as tokens,
        effective_cost_usd as cost_usd
    from billed

),

summed as (

    select
        workload_id,
        comparator_id,
        month_start,
        count(*) as calls,
        count(*) filter (where cost_usd is null) as unpriced_calls,
        cast(sum(tokens) as bigint) as tokens,
        cast(sum(cost_usd) as decimal(26, 12)) as priced_cost_usd
    from costed
    group by workload_id, comparator_id, month_start

),

-- One call without a price, and the price of the work is not known.
priced as (

    select
        workload_id,
        comparator_id,
        month_start,
        calls,
        unpriced_calls,
        tokens,
        case
            when unpriced_calls = 0 then {{ divide_exact('priced_cost_usd', '1000000', 'tokens', 12, 0) }}
        end as price_per_mtok_usd
    from summed

)

select * from priced
