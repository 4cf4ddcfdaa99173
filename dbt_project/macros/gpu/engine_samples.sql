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

numbered as (

    select
        *,
        row_number() over (
            partition by
                instance, engine, coalesce(model_name, ''), metric, label_key,
                {% if has_gpu %}coalesce(gpu_uuid, ''), {% endif %}sampled_at
            order by file_hash asc nulls last, row_number asc nulls last
        ) as copy_number
    from typed

),

deduplicated as (

    select
        sampled_at,
        instance,
        engine,
        model_name,
        metric,
        label_key,
        {%- if has_gpu %}
        gpu_uuid,
        {%- endif %}
        value,
        file_hash,
        row_number
    from numbered
    where copy_number = 1

)

select * from deduplicated
{% endmacro %}
