with source as (

    select * from {{ raw('kept', 'gpu_energy_measured') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.node_id,
        source.gpu_uuid,
        cast(source.hour_start as timestamp) as hour_start,
        source.method,
        cast(source.energy_mj as decimal(29, 6)) as energy_mj,
        cast(source.covered_us as decimal(18, 0)) as covered_us,
        cast(source.gap_us as decimal(18, 0)) as gap_us
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
