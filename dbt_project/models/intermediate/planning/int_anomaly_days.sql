with cells as (

    select * from {{ ref('int_anomaly_cells') }}

),

groups as (

    select * from {{ ref('int_anchor_groups') }}

),

days as (

    select distinct usage_date from cells

),

-- an account no bill of which ever came is as final as it will be
billed_accounts as (

    select
        service_provider,
        billing_account_id
    from groups
    group by service_provider, billing_account_id
    having bool_or(is_final)

),

open_days as (

    select distinct groups.usage_date
    from groups
    inner join billed_accounts
        on
            groups.service_provider = billed_accounts.service_provider
            and groups.billing_account_id = billed_accounts.billing_account_id
    where not groups.is_final

),

numbered as (

    select
        days.usage_date,
        open_days.usage_date is null as is_final,
        cast({{ dbt.datediff("cast('1970-01-05' as date)", 'days.usage_date', 'day') }} as bigint) as days_since_a_monday,
        count(case when open_days.usage_date is null then 1 end) over (
            order by days.usage_date asc nulls last
            rows between unbounded preceding and 1 preceding
        ) as final_days_before
    from days
    left join open_days
        on days.usage_date = open_days.usage_date

),

typed as (

    select
        usage_date,
        is_final,
        cast(final_days_before as bigint) as final_days_before,
        cast(mod(days_since_a_monday, 7) as bigint) as weekday
    from numbered

)

select * from typed
