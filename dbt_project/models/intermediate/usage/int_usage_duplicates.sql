{%- do comes_after('int_usage_linked_days') -%}
{%- set is_read = is_around_touched('calls', 'usage_date', 'file_hash') -%}
{#- Each CTE reads the calls itself: DuckDB writes out a CTE that is read twice, with all its columns. -#}
with repeated as (

    select response_id
    from {{ ref('int_usage_calls') }}
    where not is_rollup and {{ is_read }}
    group by response_id
    having count(*) > 1

),

-- Only ids that occur more than once are ordered; order of arrival never decides.
ranked as (

    select
        calls.*,
        row_number() over (
            partition by calls.response_id
            order by
                calls.feed_precedence asc nulls last,
                calls.updated_at desc nulls last,
                calls.file_hash asc nulls last,
                calls.row_number asc nulls last
        ) as rank_number
    from {{ ref('int_usage_calls') }} as calls
    inner join repeated
        on calls.response_id = repeated.response_id
    where not calls.is_rollup and {{ is_around_touched('calls', 'calls.usage_date', 'calls.file_hash') }}

),

duplicates as (

    select
        *,
        'same response id: feed order, latest version, then file hash and row' as duplicate_rule
    from ranked
    where rank_number > 1

    union all

    select
        *,
        cast(null as bigint) as rank_number,
        'the usage of an agent span repeats that of the calls below it' as duplicate_rule
    from {{ ref('int_usage_calls') }}
    where is_rollup and {{ is_read }}

)

select * from duplicates
