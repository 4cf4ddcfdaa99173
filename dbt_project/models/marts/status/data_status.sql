with files as (

    select * from {{ ref('stg_meta__files') }}

),

file_days as (

    select * from {{ ref('stg_meta__file_days') }}

),

expected_files as (

    select * from {{ ref('stg_meta__expected_files') }}

),

billing_accounts as (

    select * from {{ ref('stg_config__billing_accounts') }}

),

duplicates as (

    select * from {{ ref('int_usage_duplicates_daily') }}

),

usage_days as (

    select * from {{ ref('int_usage_files_daily') }}

),

last_closed as (

    select max(posting_period) as posting_period
    from {{ ref('stg_accounting__closed_allocations') }}

),

settlement_lags as (

    select
        service_provider as feed,
        max(settlement_lag_days) as settlement_lag_days
    from billing_accounts
    group by service_provider

),

-- what a file says as a whole (rows set aside, a failure) stands on its first day
first_days as (

    select
        feed,
        table_name,
        file_name,
        min(usage_date) as first_date
    from file_days
    group by feed, table_name, file_name

),

dated_files as (

    select
        files.feed,
        files.table_name,
        files.file_name,
        files.identity,
        files.status,
        files.rows_quarantined,
        files.last_event_at,
        files.retrieved_at,
        coalesce(
            first_days.first_date,
            expected_files.expected_date,
            cast(files.first_event_at as date),
            cast(files.retrieved_at as date)
        ) as status_date
    from files
    left join first_days
        on
            files.feed = first_days.feed
            and files.table_name = first_days.table_name
            and files.file_name = first_days.file_name
    left join expected_files
        on
            files.feed = expected_files.feed
            and files.table_name = expected_files.table_name
            and files.file_name = expected_files.file_name
    where files.status in ('committed', 'failed')

),

-- a file name that came with two contents is two files of one name
file_names as (

    select
        feed,
        table_name,
        file_name,
        max(last_event_at) as last_event_at,
        max(retrieved_at) as retrieved_at
    from dated_files
    where status = 'committed'
    group by feed, table_name, file_name

),

arrived_days as (

    select
        file_days.feed,
        file_days.table_name,
        file_days.usage_date as status_date,
        count(*) as files,
        cast(sum(file_days.rows_kept) as bigint) as rows_kept,
        max(least(file_names.last_event_at, cast(file_days.usage_date as timestamp) + interval 1 day)) as last_event_at,
        max(file_names.retrieved_at) as retrieved_at
    from file_days
    left join file_names
        on
            file_days.feed = file_names.feed
            and file_days.table_name = file_names.table_name
            and file_days.file_name = file_names.file_name
    group by file_days.feed, file_days.table_name, file_days.usage_date

),

last_day as (

    select max(usage_date) as last_date
    from file_days

),

-- a file that tells no date and nobody expected stands on the last day anything is known of
file_totals as (

    select
        dated_files.feed,
        dated_files.table_name,
        coalesce(dated_files.status_date, last_day.last_date) as status_date,
        count(*) filter (where dated_files.status = 'failed') as files_failed,
        cast(sum(dated_files.rows_quarantined) as bigint) as rows_quarantined
    from dated_files
    left join last_day
        on true
    where coalesce(dated_files.status_date, last_day.last_date) is not null
    group by dated_files.feed, dated_files.table_name, coalesce(dated_files.status_date, last_day.last_date)

),

expected_days as (

    select
        feed,
        table_name,
        expected_date as status_date,
        count(*) as expected_files,
        count(*) filter (where not has_arrived) as expected_files_missing
    from expected_files
    group by feed, table_name, expected_date

),

identities as (

    select
        feed,
        table_name,
        identity
    from dated_files
    where status = 'committed'
    group by feed, table_name, identity

),

call_days as (

    select
        identities.feed,
        identities.table_name,
        usage_days.usage_date as status_date,
        cast(sum(usage_days.calls) as bigint) as calls,
        cast(sum(usage_days.unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(usage_days.unattributed_calls) as bigint) as unattributed_calls
    from usage_days
    inner join identities on usage_days.file_hash = identities.identity
    group by identities.feed, identities.table_name, usage_days.usage_date

),

duplicate_days as (

    select
        feed,
        table_name,
        usage_date as status_date,
        duplicates as duplicates_dropped,
        duplicate_rule
    from duplicates

),

joined as (

    select
        feed,
        table_name,
        status_date,
        cast(status_date as timestamp) + interval 1 day as day_end,
        coalesce(arrived_days.files, 0) as files,
        coalesce(file_totals.files_failed, 0) as files_failed,
        coalesce(expected_days.expected_files, 0) as expected_files,
        coalesce(expected_days.expected_files_missing, 0) as expected_files_missing,
        coalesce(arrived_days.rows_kept, 0) as rows_kept,
        coalesce(file_totals.rows_quarantined, 0) as rows_quarantined,
        coalesce(call_days.calls, 0) as calls,
        coalesce(call_days.unpriced_calls, 0) as unpriced_calls,
        coalesce(call_days.unattributed_calls, 0) as unattributed_calls,
        coalesce(duplicate_days.duplicates_dropped, 0) as duplicates_dropped,
        duplicate_days.duplicate_rule,
        max(arrived_days.last_event_at) over (
            partition by feed, table_name
            order by status_date asc nulls last
            rows between unbounded preceding and current row
        ) as last_event_at,
        max(arrived_days.last_event_at) over (partition by feed, table_name) as feed_last_event_at,
        arrived_days.retrieved_at
    from arrived_days
    full outer join file_totals using (feed, table_name, status_date)
    full outer join expected_days using (feed, table_name, status_date)
    full outer join call_days using (feed, table_name, status_date)
    full outer join duplicate_days using (feed, table_name, status_date)

),

judged as (

    select
        joined.*,
        -- tables that know days only (bills, revenue) date an event at midnight and mean the whole day
        case
            when joined.files > 0 and joined.last_event_at = cast(joined.status_date as timestamp) then joined.day_end
            else joined.last_event_at
        end as known_until,
        -- a bill is final once it was fetched after its settlement lag, a log once it came or later events have
        joined.expected_files_missing = 0
        and joined.files > 0
        and case
            when joined.retrieved_at is not null
                then joined.retrieved_at >= cast(
                    {{ dbt.dateadd('day', 'coalesce(settlement_lags.settlement_lag_days, 0)', 'joined.day_end') }}
                    as timestamp
                )
            else joined.expected_files > 0 or coalesce(joined.feed_last_event_at >= joined.day_end, false)
        end as is_final,
        case
            when substr(cast(joined.status_date as {{ dbt.type_string() }}), 1, 7) <= last_closed.posting_period then 'closed'
            else 'open'
        end as period_state
    from joined
    cross join last_closed
    left join settlement_lags on joined.feed = settlement_lags.feed

),

final as (

    select
        feed,
        table_name,
        status_date,
        cast(files as bigint) as files,
        cast(files_failed as bigint) as files_failed,
        cast(expected_files_missing as bigint) as expected_files_missing,
        cast(rows_kept + rows_quarantined as bigint) as rows_read,
        cast(rows_kept as bigint) as rows_kept,
        cast(rows_quarantined as bigint) as rows_quarantined,
        cast(calls as bigint) as calls,
        cast(unpriced_calls as bigint) as unpriced_calls,
        cast(unattributed_calls as bigint) as unattributed_calls,
        cast(duplicates_dropped as bigint) as duplicates_dropped,
        duplicate_rule,
        last_event_at,
        cast({{ dbt.datediff('known_until', 'day_end', 'second') }} as double) / 3600 as freshness_hours,
        is_final,
        period_state,
        case
            when expected_files > 0
                then cast(expected_files - expected_files_missing as double) / nullif(expected_files, 0)
            when files > 0 then cast(1 as double)
        end as percent_complete
    from judged

)

select * from final
