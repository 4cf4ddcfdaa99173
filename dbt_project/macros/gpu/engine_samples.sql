{#-
The samples of a serving engine, each scrape once: whichever file has it, the first by hash and row stands. `has_gpu` where
the engine counts per GPU as well.
-#}
{% macro engine_samples(feed, has_gpu=false) %}
with source as (

    select * from {{ raw(feed, 'samples') }}

),

typed as (

    select
        cast(sampled_at as timestamp) as sampled_at,
        instance,
        engine,
        model_name,
        metric,
        label_key,
        {%- if has_gpu %}
        gpu_uuid,
        {%- endif %}
        cast(value as double) as value,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

),

{%- set gpu = ['gpu_uuid'] if has_gpu else [] %}
deduplicated as (

    {{ first_copies(
        'typed',
        ['instance', 'engine', "coalesce(model_name, '')", 'metric', 'label_key'] + (["coalesce(gpu_uuid, '')"] if has_gpu else [])
        + ['sampled_at'],
        ['sampled_at', 'instance', 'engine', 'model_name', 'metric', 'label_key'] + gpu + ['value', 'file_hash', 'row_number'],
    ) }}

)

select * from deduplicated
{% endmacro %}
