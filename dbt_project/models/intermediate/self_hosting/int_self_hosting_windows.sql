with calls as (

    select * from {{ ref('int_self_hosting_calls') }}
    where comparator_id is null

),

workloads as (

    select * from {{ ref('stg_config__self_hosting_workloads') }}

),

-- Five minutes: long enough that the tokens of a call can be counted where it began, short enough to see a peak.
placed as (

    select
        *,
        cast(floor({{ dbt.datediff("date_trunc('day', started_at)", 'started_at', 'second') }} / 300) as integer) as window_number
    from calls

),

windows as (

    select
        workload_id,
        usage_date,
        month_start,
        week_start,
        window_number,
        count(*) as calls,
        cast(sum(total_input_tokens) as bigint) as input_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(total_output_tokens) as bigint) as output_tokens
    from placed
    group by workload_id, usage_date, month_start, week_start, window_number

),

worked as (

    select
        windows.*,
        workloads.phases,
        workloads.bench_to_real,
        workloads.input_tokens_per_second,
        workloads.output_tokens_per_second,
        cast(
            cast(windows.input_tokens - windows.cache_read_tokens as decimal(14, 0))
            + cast(windows.cache_read_tokens as decimal(19, 0)) * workloads.cache_read_weight
            as decimal(20, 6)
        ) as input_work_tokens,
        cast(windows.output_tokens as decimal(20, 6)) as output_work_tokens
    from windows
    inner join workloads
        on windows.workload_id = workloads.workload_id

),

phased as (

    select
        *,
        {{ divide_exact('input_work_tokens', 'bench_to_real', 'input_tokens_per_second', 6, 4) }} as input_seconds,
        {{ divide_exact('output_work_tokens', 'bench_to_real', 'output_tokens_per_second', 6, 4) }} as output_seconds
    from worked

),

timed as (

    select
        workload_id,
        usage_date,
        month_start,
        week_start,
        window_number,
        calls,
        input_tokens,
        cache_read_tokens,
        output_tokens,
        cast(
            case when phases = 'together' then greatest(input_seconds, output_seconds) else input_seconds + output_seconds end
            as decimal(26, 6)
        ) as replica_seconds
    from phased

)

select * from timed
