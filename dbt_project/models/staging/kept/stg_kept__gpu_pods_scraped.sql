with source as (

    select * from {{ raw('kept', 'gpu_pods_scraped') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

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
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
