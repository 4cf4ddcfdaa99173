{%- set meters = {
    'input_uncached': 'input_uncached_tokens',
    'cache_read': 'cache_read_tokens',
    'cache_write_5m': 'cache_write_5m_tokens',
    'cache_write_1h': 'cache_write_1h_tokens',
    'input_audio': 'input_audio_tokens',
    'input_image': 'input_image_tokens',
    'output': 'output_text_tokens',
    'reasoning': 'reasoning_tokens',
    'output_audio': 'output_audio_tokens',
    'output_image': 'output_image_tokens',
} -%}
{#- What a host without a prompt cache bills at its plain input price. -#}
{%- set cached = ['cache_read', 'cache_write_5m', 'cache_write_1h'] -%}
with calls as (

    select * from {{ ref('int_self_hosting_calls') }}

),

comparators as (

    select * from {{ ref('stg_config__self_hosting_comparators') }}

),

matches as (

    select * from {{ ref('stg_config__self_hosting_matches') }}

),

price_keys as (

    select * from {{ ref('stg_pricing__price_keys') }}

),

price_sets as (

    select * from {{ ref('stg_pricing__price_sets') }}

),

-- The same open model at a host: each call at the prices of its day and of its own length.
hosted as (

    select
        calls.*,
        comparators.comparator_id as compared_with,
        price_keys.price_set_id,
        coalesce(price_keys.has_prompt_cache, false) as has_prompt_cache,
        case
            when calls.total_input_tokens > price_keys.second_threshold_tokens then 2
            when
                price_keys.is_threshold_inclusive
                and calls.total_input_tokens = price_keys.second_threshold_tokens
                then 2
            when calls.total_input_tokens > price_keys.threshold_tokens then 1
            when price_keys.is_threshold_inclusive and calls.total_input_tokens = price_keys.threshold_tokens then 1
            else 0
        end as context_tier
    from calls
    inner join comparators
        on
            calls.workload_id = comparators.workload_id
            and calls.comparator_id is null
            and comparators.kind = 'same_model'
    left join price_keys
        on
            comparators.service_provider = price_keys.service_provider
            and comparators.model_id = price_keys.model_id
            and price_keys.host = 'direct'
            and price_keys.region = 'unknown'
            and price_keys.service_tier = 'standard'
            and calls.usage_date = price_keys.usage_date
            and {{ dbt.datediff("date_trunc('day', calls.started_at)", 'calls.started_at', 'second') }}
            >= price_keys.window_start_second
            and {{ dbt.datediff("date_trunc('day', calls.started_at)", 'calls.started_at', 'second') }}
            < price_keys.window_end_second

),

hosted_priced as (

    select
        hosted.workload_id,
        hosted.compared_with as comparator_id,
        hosted.month_start,
        hosted.total_input_tokens,
        hosted.total_output_tokens,
        cast(
            cast(0 as decimal(24, 8))
            {%- for meter, tokens in meters.items() %}
            + case
                when hosted.{{ tokens }} = 0 then 0
                else
                    cast(
                        cast(hosted.{{ tokens }} as decimal(12, 0))
                        {%- if meter in cached %}
                        * case
                            when hosted.has_prompt_cache then price_sets.contracted_{{ meter }}_per_mtok_usd
                            else price_sets.contracted_input_uncached_per_mtok_usd
                        end
                        {%- else %}
                        * price_sets.contracted_{{ meter }}_per_mtok_usd
                        {%- endif %}
                        as decimal(24, 8)
                    )
            end
            {%- endfor %}
            as decimal(30, 8)
        ) as cost_millionths_usd
    from hosted
    left join price_sets
        on
            hosted.price_set_id = price_sets.price_set_id
            and hosted.context_tier = price_sets.context_tier

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
        {{ usd_from_millionths('cost_millionths_usd') }} as cost_usd
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
