with calls as (

    select * from {{ ref('stg_litellm__calls') }}

),

kept as (

    select * from {{ ref('int_usage_calls_deduplicated') }}

),

all_days as (

    select usage_date, count(*) as calls
    from calls
    group by usage_date

),

kept_days as (

    select usage_date, count(*) as calls
    from kept
    group by usage_date

),

duplicates as (

    select
        'litellm' as feed,
        'spend_logs' as table_name,
        all_days.usage_date,
        cast(all_days.calls - coalesce(kept_days.calls, 0) as bigint) as duplicates_dropped,
        'same response id: latest version, then file hash and row' as duplicate_rule
    from all_days
    left join kept_days
        on all_days.usage_date = kept_days.usage_date

)

select * from duplicates
