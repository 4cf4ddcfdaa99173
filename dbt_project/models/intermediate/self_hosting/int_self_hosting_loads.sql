{%- set window_seconds = 300 -%}
{%- set percentiles = {'p50': '0.5', 'p95': '0.95', 'p99': '0.99', 'sized': 'percentile'} -%}
with windows as (

    select * from {{ ref('int_self_hosting_windows') }}

),

workloads as (

    select * from {{ ref('stg_config__self_hosting_workloads') }}

),

usage_days as (

    select * from {{ ref('int_usage_files_daily') }}

),

data_days as (

    select
        min(usage_date) as first_day,
        max(usage_date) as last_day
    from usage_days

),

dated as (

    select
        'month' as period_kind,
        month_start as period_start,
        cast({{ dbt.dateadd('month', 1, 'month_start') }} as date) as period_end,
        windows.*
    from windows
    union all
    select
        'week' as period_kind,
        week_start as period_start,
        cast({{ dbt.dateadd('day', 7, 'week_start') }} as date) as period_end,
        windows.*
    from windows

),

-- Days of the period that the company's logs cover; a window of theirs without a call is a window without load.
spans as (

    select
        dated.*,
        greatest(dated.period_start, data_days.first_day) as first_covered_day,
        least(dated.period_end, cast({{ dbt.dateadd('day', 1, 'data_days.last_day') }} as date)) as first_day_after
    from dated
    cross join data_days

),

covered as (

    select
        *,
        {{ dbt.datediff('period_start', 'period_end', 'day') }} as period_days,
        {{ dbt.datediff('first_covered_day', 'first_day_after', 'day') }} as covered_days
    from spans

),

ranked as (

    select
        covered.*,
        workloads.percentile,
        covered.covered_days * {{ 86400 // window_seconds }} as window_count,
        count(*) over (partition by covered.workload_id, covered.period_kind, covered.period_start) as loaded_windows,
        row_number() over (
            partition by covered.workload_id, covered.period_kind, covered.period_start
            order by
                covered.input_tokens + covered.output_tokens asc nulls last, covered.usage_date asc nulls last,
                covered.window_number asc nulls last
        ) as token_rank,
        row_number() over (
            partition by covered.workload_id, covered.period_kind, covered.period_start
            order by
                covered.replica_seconds asc nulls last, covered.usage_date asc nulls last,
                covered.window_number asc nulls last
        ) as load_rank
    from covered
    inner join workloads
        on covered.workload_id = workloads.workload_id

),

-- Nearest rank: a percentile is a load that was, never one between two.
placed as (

    select
        *,
        {%- for name, percentile in percentiles.items() %}
        ceil({{ percentile }} * window_count) - (window_count - loaded_windows) as {{ name }}_rank,
        {%- endfor %}
        input_tokens + output_tokens as tokens
    from ranked

),

loads as (

    select
        workload_id,
        period_kind,
        period_start,
        period_days,
        covered_days,
        window_count,
        {%- for name in percentiles %}
        coalesce(max(case when token_rank = {{ name }}_rank then tokens end), 0) as {{ name }}_window_tokens,
        coalesce(max(case when load_rank = {{ name }}_rank then replica_seconds end), 0) as {{ name }}_window_seconds,
        {%- endfor %}
        cast(sum(calls) as bigint) as calls,
        cast(sum(input_tokens) as bigint) as input_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(replica_seconds) as decimal(26, 6)) as replica_seconds,
        max(replica_seconds) as max_window_seconds
    from placed
    group by workload_id, period_kind, period_start, period_days, covered_days, window_count

),

-- What is asked of a replica has to be done some time: no less than the mean is sized for, whatever the percentile, and
-- something for the smallest work.
needed as (

    select
        loads.*,
        cast(
            greatest(
                cast(loads.sized_window_seconds * (1 + workloads.headroom) as decimal(26, 6)),
                cast({{ ceil_quotient('loads.replica_seconds * 1000000', 'loads.window_count') }} * 0.000001 as decimal(26, 6))
            )
            as decimal(26, 6)
        ) as needed_window_seconds
    from loads
    inner join workloads
        on loads.workload_id = workloads.workload_id

)

select * from needed
