with source as (

    select * from {{ raw('kept', 'gpu_pods_scraped') }}

),

gpu_samples as (

    select * from {{ ref('stg_meta__gpu_samples') }}

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
    inner join gpu_samples
        on source.sampled_date < gpu_samples.samples_from

)

select * from typed
