{%- set series = 'kind, scope, scope_id, model' -%}
{#- Days of the trailing mean, and those the usual spread is the mean of. A day nobody has seen counts as a spread of a quarter, and
no series is steadier than 2 %: benchmarks.anomalies says what they were held against. -#}
{%- set trailing_days, spread_days, assumed_spread, least_spread = 7, 28, 0.25, 0.02 -%}
with series_days as (

    select * from {{ ref('int_anomaly_series_daily') }}

),

limits as (

    select * from {{ ref('stg_config__anomaly_limits') }}

),

trailed as (

    select
        *,
        cast(sum(case when is_final then part end) over days_before as decimal(26, 12)) as trailing_part,
        cast(sum(case when is_final then whole end) over days_before as decimal(26, 12)) as trailing_whole,
        cast(sum(case when is_final then amount_usd end) over days_before as decimal(26, 12)) as trailing_amount_usd,
        count(case when is_final then 1 end) over days_before as trailing_days
    from series_days
    window days_before as (
        partition by {{ series }}
        order by final_days_before asc nulls last
        range between {{ trailing_days }} preceding and 1 preceding
    )

),

-- a ratio of what is watched, to compare and never to book
rated as (

    select
        *,
        cast(part as double) / nullif(cast(whole as double), 0) as rate,
        case
            when trailing_days = {{ trailing_days }}
                then cast(trailing_part as double) / nullif(cast(trailing_whole as double), 0)
        end as trailing_rate
    from trailed

),

indexed as (

    select
        *,
        rate / nullif(trailing_rate, 0) as trailing_ratio
    from rated

),

-- how this weekday stood to the seven days before it in the last three weeks: the middle one, and 1 for a week not there
weekdays as (

    select
        *,
        coalesce(lag(trailing_ratio, 1) over same_weekday, 1) as first_ratio,
        coalesce(lag(trailing_ratio, 2) over same_weekday, 1) as second_ratio,
        coalesce(lag(trailing_ratio, 3) over same_weekday, 1) as third_ratio,
        lag(rate, 1) over same_weekday as first_rate,
        lag(rate, 2) over same_weekday as second_rate,
        lag(rate, 3) over same_weekday as third_rate
    from indexed
    window same_weekday as (
        partition by {{ series }}, weekday
        order by usage_date asc nulls last
    )

),

middles as (

    select
        *,
        greatest(least(first_ratio, second_ratio), least(greatest(first_ratio, second_ratio), third_ratio)) * trailing_rate
            as weekday_rate,
        case
            when first_rate is not null and second_rate is not null and third_rate is not null
                then greatest(least(first_rate, second_rate), least(greatest(first_rate, second_rate), third_rate))
        end as earlier_rate
    from weekdays

),

-- cost may grow, and what it was before a week of trouble is no surprise when it returns; a ratio stays what it was, and the mean
-- of seven days would follow one that creeps
expected as (

    select
        *,
        case
            when kind = 'spend' then greatest(weekday_rate, coalesce(earlier_rate, weekday_rate))
            else coalesce(earlier_rate, weekday_rate)
        end as expected_rate
    from middles

),

missed as (

    select
        *,
        case when expected_rate > 0 then least(abs(rate / nullif(expected_rate, 0) - 1), 1) end as miss
    from expected

),

spread as (

    select
        *,
        greatest(
            (
                coalesce(cast(sum(miss) over weeks_before as double), 0)
                + ({{ spread_days }} - count(miss) over weeks_before) * {{ assumed_spread }}
            ) / {{ spread_days }},
            {{ least_spread }}
        ) as usual_spread
    from missed
    window weeks_before as (
        partition by {{ series }}
        order by usage_date asc nulls last
        rows between {{ spread_days }} preceding and 1 preceding
    )

),

-- what the part would be at the trailing rate; tokens are whole numbers, money has twelve places
priced as (

    select
        spread.*,
        limits.factor,
        limits.points,
        limits.minimum_usd,
        limits.tenant_factor,
        limits.tenant_day_usd,
        limits.spreads,
        limits.spreads_two_days,
        case
            when spread.kind in ('cache', 'reasoning', 'prompt')
                then cast({{ divide_exact('trailing_part', 'whole', 'trailing_whole', 0, 0) }} as decimal(26, 12))
            else {{ divide_exact('trailing_part', 'whole', 'trailing_whole') }}
        end as trailing_level,
        cast(floor(1000000 * least(spread.expected_rate / nullif(spread.trailing_rate, 0), 1000)) as bigint) as season_millionths
    from spread
    inner join limits
        on spread.kind = limits.kind
    where spread.trailing_rate is not null and spread.rate is not null

),

moved as (

    select
        *,
        case
            when kind = 'cache'
                then {{ divide_exact('trailing_amount_usd', 'trailing_level', 'trailing_part', 12, 0) }}
            when kind in ('reasoning', 'prompt')
                then {{ divide_exact('amount_usd', 'trailing_level', 'part', 12, 0) }}
            else trailing_level
        end as trailing_usd
    from priced

),

expectations as (

    select
        *,
        {{ divide_exact('trailing_usd', 'season_millionths', '1000000', 12, 0) }} as expected_usd
    from moved

),

sized as (

    select
        *,
        case
            when kind = 'cache' then (1 - rate / nullif(expected_rate, 0)) / nullif(usual_spread, 0)
            -- what comes where nothing was is as far off as can be
            when expected_rate = 0 then spreads
            else (rate / nullif(expected_rate, 0) - 1) / nullif(usual_spread, 0)
        end as spreads_off,
        case when kind = 'cache' then trailing_usd - amount_usd else amount_usd - trailing_usd end >= minimum_usd
        and case kind
            when 'cache' then rate <= factor * trailing_rate
            when 'mix' then rate - trailing_rate >= points or (trailing_rate > 0 and rate >= factor * trailing_rate)
            else rate > factor * trailing_rate
        end as is_above_trailing,
        case when kind = 'cache' then expected_usd - amount_usd else amount_usd - expected_usd end >= minimum_usd
        and case kind
            when 'cache' then rate <= factor * expected_rate
            when 'mix' then rate - expected_rate >= points or (expected_rate > 0 and rate >= factor * expected_rate)
            else rate > factor * expected_rate
        end as is_large,
        kind = 'spend' and scope = 'tenant' and amount_usd >= minimum_usd and amount_usd > tenant_factor * trailing_usd
            as is_above_tenant_factor,
        kind = 'spend' and scope = 'tenant' and amount_usd > tenant_day_usd as is_above_tenant_day
    from expectations

),

-- one day far off, or two days running that are off: noise seldom comes twice
judged as (

    select
        *,
        is_large and (
            spreads_off >= spreads
            or (
                spreads_off >= spreads_two_days
                and coalesce(lag(is_large and spreads_off >= spreads_two_days) over by_day, false)
            )
        ) as is_above_expected
    from sized
    window by_day as (
        partition by {{ series }}
        order by usage_date asc nulls last
    )

),

found as (

    select
        usage_date,
        {{ series }},
        is_final,
        final_days_before,
        rate,
        trailing_rate,
        expected_rate,
        usual_spread,
        amount_usd,
        trailing_usd,
        expected_usd,
        is_above_trailing,
        coalesce(is_above_expected, false) as is_above_expected,
        coalesce(is_above_tenant_factor, false) as is_above_tenant_factor,
        is_above_tenant_day
    from judged
    where is_above_trailing or is_above_expected or is_above_tenant_factor or is_above_tenant_day

)

select * from found
