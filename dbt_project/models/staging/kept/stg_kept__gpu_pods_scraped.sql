with source as (

    select * from {{ raw('kept', 'gpu_pods_scraped') }}

),

sample_days as (

    select * from {{ ref('stg_meta__sample_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        cast(source.hour_start as timestamp) as hour_start,
        source.node_id,
        source.gpu_id,
        source.slice_id,
        source.namespace,
        source.pod,
        cast(source.scrape_parts as bigint) as scrape_parts
    from source
    inner join sample_days
        on source.sampled_date < sample_days.samples_from

)

select * from typed
