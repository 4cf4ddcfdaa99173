{#- Twenty years of months: more than any home has bills of. -#}
{%- set most_months = 240 -%}
with terms as (

    select * from {{ ref('stg_config__contract_terms') }}

),

bands as (

    select * from {{ ref('stg_config__discount_bands') }}

),

-- Of terms in a foreign currency: usage is counted at the rate of their first month, as their amounts are.
rates as (

    select * from {{ ref('stg_config__contract_term_rates') }}

),

charges as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        -- A bill that spreads what was paid before charges nothing for the usage.
        cast(
            sum(greatest(cast(amount_usd as decimal(26, 12)) + cast(drawn_usd as decimal(26, 12)), effective_amount_usd))
            as decimal(26, 12)
        ) as used_usd
    from {{ ref('fct_charges') }}
    where charge_category in ('usage', 'unlogged_traffic', 'non_token')
    group by service_provider, billing_account_id, usage_date

),

calls as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        cast(sum(billed_calls) as bigint) as calls
    from {{ ref('int_usage_accounts_hourly') }}
    group by service_provider, billing_account_id, usage_date

),

credits as (

    select * from {{ ref('stg_openrouter__credits') }}

),

data_days as (

    select
        min(usage_date) as first_day,
        max(usage_date) as last_day
    from charges

),

offsets as (

    {{ dbt.generate_series(most_months) }}

),

-- From the first month there are bills of: what a term saw before is its used_before_usd.
months as (

    select
        terms.*,
        data_days.last_day,
        cast({{ dbt.dateadd('month', 'offsets.generated_number - 1', "date_trunc('month', data_days.first_day)") }} as date)
            as month_start
    from terms
    cross join data_days
    cross join offsets

),

spans as (

    select
        *,
        cast({{ dbt.dateadd('month', 1, 'month_start') }} as date) as next_month_start
    from months
    where month_start <= last_day

),

held as (

    select
        *,
        case when valid_to < next_month_start then valid_to else next_month_start end as span_end
    from spans
    where next_month_start > valid_from and month_start < valid_to

),

billed_days as (

    select
        terms.term_id,
        charges.usage_date,
        rates.usd_per_unit,
        rates.first_usd_per_unit,
        cast(sum(charges.used_usd) as decimal(26, 12)) as used_usd
    from terms
    inner join charges
        on
            terms.service_provider = charges.service_provider
            and (terms.billing_account_id is null or terms.billing_account_id = charges.billing_account_id)
            and charges.usage_date >= terms.valid_from
            and charges.usage_date < terms.valid_to
    left join rates
        on
            terms.term_id = rates.term_id
            and charges.usage_date >= rates.valid_from
            and charges.usage_date < rates.valid_to
    group by terms.term_id, charges.usage_date, rates.usd_per_unit, rates.first_usd_per_unit

),

-- A month has one rate, so that its sum is converted, not its days.
billed_months as (

    select
        term_id,
        cast(date_trunc('month', usage_date) as date) as month_start,
        usd_per_unit,
        first_usd_per_unit,
        cast(sum(used_usd) as decimal(26, 12)) as used_usd
    from billed_days
    group by term_id, cast(date_trunc('month', usage_date) as date), usd_per_unit, first_usd_per_unit

),
{%- for period, key in [('days', 'usage_date'), ('months', 'month_start')] %}

used_{{ period }} as (

    select
        term_id,
        {{ key }},
        coalesce({{ divide_exact('used_usd', 'first_usd_per_unit', 'usd_per_unit') }}, used_usd) as used_usd
    from billed_{{ period }}

),
{%- endfor %}

call_months as (

    select
        terms.term_id,
        cast(date_trunc('month', calls.usage_date) as date) as month_start,
        cast(sum(calls.calls) as bigint) as calls
    from terms
    inner join calls
        on
            terms.service_provider = calls.service_provider
            and (terms.billing_account_id is null or terms.billing_account_id = calls.billing_account_id)
            and calls.usage_date >= terms.valid_from
            and calls.usage_date < terms.valid_to
    where terms.kind = 'call_fee'
    group by terms.term_id, cast(date_trunc('month', calls.usage_date) as date)

),

drawn_days as (

    select
        used_days.term_id,
        used_days.usage_date,
        terms.amount_usd,
        cast(
            terms.used_before_usd + sum(used_days.used_usd) over (
                partition by used_days.term_id
                order by used_days.usage_date asc nulls last
                rows between unbounded preceding and current row
            ) as decimal(26, 12)
        ) as drawn_usd
    from used_days
    inner join terms
        on used_days.term_id = terms.term_id
    where terms.kind in ('commitment', 'prepaid')

),

run_outs as (

    select
        term_id,
        min(usage_date) as run_out_on
    from drawn_days
    where drawn_usd >= amount_usd
    group by term_id

),

-- The pace of the last thirty days of data.
paces as (

    select
        used_days.term_id,
        cast(sum(used_days.used_usd) as decimal(26, 12)) as thirty_days_usd
    from used_days
    cross join data_days
    where used_days.usage_date > {{ dbt.dateadd('day', -30, 'data_days.last_day') }}
    group by used_days.term_id

),

balances as (

    select
        held.*,
        cast(coalesce(used_months.used_usd, 0) as decimal(26, 12)) as used_usd,
        cast(
            held.used_before_usd + sum(coalesce(used_months.used_usd, 0)) over (
                partition by held.term_id
                order by held.month_start asc nulls last
                rows between unbounded preceding and current row
            ) as decimal(26, 12)
        ) as drawn_usd,
        coalesce(call_months.calls, 0) as calls,
        held.span_end <= {{ dbt.dateadd('day', 1, 'held.last_day') }} as is_over,
        held.span_end = held.valid_to as is_last,
        -- Capacity is paid from its first to its last hour, used or not; of a month that is not over, to the last day of data.
        24 * {{ dbt.datediff(
            'case when held.valid_from > held.month_start then held.valid_from else held.month_start end',
            'case when held.span_end <= ' ~ dbt.dateadd('day', 1, 'held.last_day') ~ ' then held.span_end else '
            ~ dbt.dateadd('day', 1, 'held.last_day') ~ ' end',
            'day'
        ) }} as held_hours
    from held
    left join used_months
        on
            held.term_id = used_months.term_id
            and held.month_start = used_months.month_start
    left join call_months
        on
            held.term_id = call_months.term_id
            and held.month_start = call_months.month_start

),

reached as (

    select
        balances.term_id,
        balances.month_start,
        max(bands.above_usd) as above_usd
    from balances
    inner join bands
        on
            balances.term_id = bands.term_id
            and balances.used_usd > bands.above_usd
    group by balances.term_id, balances.month_start

),

-- what the provider says is left, by its last answer of the month for each account
answered as (

    select
        held.term_id,
        held.month_start,
        credits.usage_date,
        credits.total_credits_usd - credits.total_usage_usd as left_usd,
        row_number() over (
            partition by held.term_id, held.month_start, credits.billing_account_id order by credits.usage_date desc nulls last
        ) as answer
    from held
    inner join credits
        on
            held.kind = 'prepaid'
            and held.service_provider = 'openrouter'
            and (held.billing_account_id is null or held.billing_account_id = credits.billing_account_id)
            and credits.usage_date >= held.month_start
            and credits.usage_date >= held.valid_from
            and credits.usage_date < held.span_end

),

reported as (

    select
        term_id,
        month_start,
        min(usage_date) as reported_on,
        cast(sum(left_usd) as decimal(26, 12)) as reported_remaining_usd
    from answered
    where answer = 1
    group by term_id, month_start

),

judged as (

    select
        balances.*,
        run_outs.run_out_on,
        paces.thirty_days_usd,
        reached.above_usd as band_above_usd,
        bands.percent_off as band_percent_off,
        rates.usd_per_unit,
        rates.first_usd_per_unit,
        reported.reported_remaining_usd,
        reported.reported_on,
        case
            when balances.kind not in ('commitment', 'prepaid') then null
            when balances.drawn_usd >= balances.amount_usd then cast(0 as decimal(26, 12))
            else cast(balances.amount_usd - balances.drawn_usd as decimal(26, 12))
        end as remaining_usd,
        case
            when balances.kind <> 'minimum' then null
            when balances.used_usd >= balances.amount_usd or not balances.is_over then cast(0 as decimal(26, 12))
            else cast(balances.amount_usd - balances.used_usd as decimal(26, 12))
        end as below_minimum_usd
    from balances
    left join run_outs
        on balances.term_id = run_outs.term_id
    left join paces
        on balances.term_id = paces.term_id
    left join reached
        on
            balances.term_id = reached.term_id
            and balances.month_start = reached.month_start
    left join bands
        on
            reached.term_id = bands.term_id
            and reached.above_usd = bands.above_usd
    left join rates
        on
            balances.term_id = rates.term_id
            and balances.next_month_start > rates.valid_from
            and balances.month_start < rates.valid_to
    left join reported
        on
            balances.term_id = reported.term_id
            and balances.month_start = reported.month_start

),

added as (

    select
        *,
        cast(
            case
                when kind = 'minimum' then below_minimum_usd
                when kind = 'commitment' and is_last and is_over then remaining_usd
                when kind = 'volume_discount' and band_percent_off is not null
                    then cast(used_usd * cast(band_percent_off * 0.01 as decimal(11, 8)) as decimal(26, 12))
                when kind = 'call_fee'
                    then cast(cast(calls as decimal(12, 0)) * usd_per_call as decimal(26, 12))
                when kind = 'usage_fee' then cast(used_usd * cast(percent_of_usage * 0.01 as decimal(11, 8)) as decimal(26, 12))
                when kind = 'provisioned' and held_hours > 0
                    then cast(cast(units * held_hours as decimal(12, 0)) * usd_per_unit_hour as decimal(26, 12))
                else 0
            end as decimal(26, 12)
        ) as added_usd
    from judged

),

monthly as (

    select
        month_start,
        term_id,
        kind,
        service_provider,
        coalesce(billing_account_id, 'all') as billing_account_id,
        valid_from,
        valid_to,
        is_over,
        cast(amount_usd as decimal(38, 12)) as amount_usd,
        cast(used_usd as decimal(38, 12)) as used_usd,
        cast(case when kind in ('commitment', 'prepaid') then drawn_usd end as decimal(38, 12)) as drawn_usd,
        cast(remaining_usd as decimal(38, 12)) as remaining_usd,
        cast(reported_remaining_usd as decimal(38, 12)) as reported_remaining_usd,
        reported_on,
        case when run_out_on < next_month_start then run_out_on end as run_out_on,
        case
            when remaining_usd > 0 and thirty_days_usd > 0 and next_month_start > last_day and not (is_last and is_over)
                then cast({{ dbt.dateadd(
                    'day',
                    'cast(round(' ~ divide_exact('remaining_usd', '30', 'thirty_days_usd') ~ ', 0) as integer)',
                    'last_day'
                ) }} as date)
        end as expected_run_out_on,
        cast(
            case
                when kind = 'minimum' then below_minimum_usd
                when kind = 'commitment' then case when is_last and is_over then remaining_usd else 0 end
            end as decimal(38, 12)
        ) as shortfall_usd,
        cast(
            case when kind = 'prepaid' then case when is_last and is_over then remaining_usd else 0 end end
            as decimal(38, 12)
        ) as expired_usd,
        cast(band_above_usd as decimal(38, 12)) as band_above_usd,
        cast(band_percent_off as decimal(9, 6)) as band_percent_off,
        case when kind = 'call_fee' then calls end as calls,
        case when kind = 'provisioned' and held_hours > 0 then units * held_hours when kind = 'provisioned' then 0 end
            as provisioned_unit_hours,
        -- Owed at the rate of the month; a discount is taken off.
        cast(
            case when kind = 'volume_discount' then -1 else 1 end
            * coalesce({{ divide_exact('added_usd', 'usd_per_unit', 'first_usd_per_unit') }}, added_usd)
            as decimal(38, 12)
        ) as period_charge_usd
    from added

)

select * from monthly
