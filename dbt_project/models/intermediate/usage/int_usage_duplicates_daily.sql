with duplicates as (

    select * from {{ ref('int_usage_duplicates') }}
    where {{ is_touched('calls', 'usage_date') }}

),

counted as (

    select
        usage_date,
        feed,
        table_name,
        cast(count(*) as bigint) as duplicates,
        min(duplicate_rule) as duplicate_rule
    from duplicates
    group by usage_date, feed, table_name

)

select * from counted
