with source as (

    select * from {{ raw('kept', 'engine_kv_values') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

-- A file of days whose samples are still there is not read beside them.
typed as (

    select
        cast(source.sampled_date as date) as sampled_date,
        source.engine_kind,
        source.instance,
        source.engine,
        source.model_name,
        cast(source.used_share as decimal(26, 6)) as used_share,
        cast(source.samples as bigint) as samples
    from source
    inner join first_days
        on source.sampled_date < first_days.samples_from

)

select * from typed
