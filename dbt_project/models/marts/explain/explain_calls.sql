{{ config(materialized='view') }}
{%- set quantities = {
    'output': 'output_text_tokens + usage.reasoning_tokens', 'search': 'searches', 'image': 'images', 'page': 'pages',
    'audio_millisecond': 'audio_seconds * 1000', 'video_millisecond': 'video_seconds * 1000', 'character': 'characters',
    'cache_storage_token_hour': 'cache_storage_token_hours',
} -%}
{%- set token_classes = [
    'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output_audio',
    'output_image',
] -%}
{%- set shared = [
    'usage_date', 'tenant_id', 'product_id', 'feature_id', 'environment', 'plan', 'cost_nature', 'service_provider',
    'billing_account_id',
] -%}
with allocations as (

    select * from {{ within_database(ref('fct_allocations')) }}

),

charges as (

    select * from {{ within_database(ref('fct_charges')) }}

),

usage as (

    select * from {{ within_database(ref('fct_usage')) }}

),

files as (

    select * from {{ within_database(ref('dim_files')) }}

),

direct as (

    select
        allocations.allocation_id,
        allocations.posting_period,
        allocations.charge_id,
        {%- for column in shared %}
        allocations.{{ column }},
        {%- endfor %}
        allocations.cost_center,
        charges.model,
        charges.service_tier,
        charges.meter
    from allocations
    inner join charges
        on allocations.charge_id = charges.charge_id
    where allocations.rule_id = 'direct' and charges.charge_category in ('usage', 'gpu_busy')

),

matched as (

    select
        direct.allocation_id,
        direct.posting_period,
        direct.charge_id,
        direct.meter,
        cast(case direct.meter
            {%- for meter in token_classes %}
            when '{{ meter }}' then usage.{{ meter }}_tokens
            {%- endfor %}
            {%- for meter, quantity in quantities.items() %}
            when '{{ meter }}' then usage.{{ quantity }}
            {%- endfor %}
            else 1
        end as decimal(25, 6)) as quantity,
        usage.call_id,
        usage.started_at,
        usage.usage_date,
        usage.tenant_id,
        usage.product_id,
        usage.feature_id,
        usage.model,
        usage.attribution_method,
        usage.price_set_id,
        usage.effective_cost_usd as call_effective_cost_usd,
        usage.file_hash as source_file_hash,
        usage.row_number as source_row_number
    from direct
    inner join usage
        on
            {%- for column in shared %}
            direct.{{ column }} = usage.{{ column }} and
            {%- endfor %}
            coalesce(direct.cost_center, '') = coalesce(usage.cost_center, '')
            and (
                -- a call of an own node costs its time, whatever became of it
                case
                    when direct.meter = 'gpu_seconds' then direct.model = usage.model
                    when usage.billing_status in ('not_billed', 'gateway_cache') then false
                    when direct.meter = 'search' then true
                    else direct.model = usage.model and direct.service_tier = usage.service_tier
                end
            )

),

explained as (

    select
        matched.*,
        files.feed as source_feed,
        files.landing_path as source_landing_path
    from matched
    left join files
        on matched.source_file_hash = files.file_hash
    where matched.quantity > 0

)

select * from explained
