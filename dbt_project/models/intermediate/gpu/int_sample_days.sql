with file_days as (

    select * from {{ ref('stg_meta__file_days') }}

),

files as (

    select * from {{ ref('stg_meta__files') }}

),

metrics as (

    select * from {{ ref('telemetry_metrics') }}

),

sources as (

    select distinct source
    from metrics

),

-- The same bytes read alike are the same samples.
days as (

    select
        file_days.usage_date,
        file_days.feed,
        file_days.identity,
        files.reader_version,
        file_days.rows_kept
    from file_days
    inner join sources
        on file_days.feed = sources.source
    inner join files
        on
            file_days.feed = files.feed
            and file_days.table_name = files.table_name
            and file_days.identity = files.identity
    where
        file_days.table_name = 'samples'
        and files.status = 'committed'

)

select * from days
