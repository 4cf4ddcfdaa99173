{#- Weeks looked back on: long enough for habits to show, short enough that the savings are of today's prices and work. -#}
{%- set weeks = 4 -%}
{#- A week of fewer calls says nothing about how long a prompt usually is. -#}
{%- set calls_of_a_week = 100 -%}
with usage_days as (

    select * from {{ ref('int_usage_files_daily') }}

),

weekly as (

    select * from {{ ref('int_savings_weekly') }}

),

latest as (

    select cast(date_trunc('week', max(usage_date)) - interval {{ 7 * (weeks - 1) }} day as date) as first_week_start
    from usage_days

),

earlier as (

    select
        weekly.week_start,
        weekly.feature_id,
        weekly.service_provider,
        weekly.model,
        min(before.mean_input_tokens) as earlier_input_tokens
    from weekly
    inner join weekly as before
        on
            weekly.feature_id = before.feature_id
            and weekly.service_provider = before.service_provider
            and weekly.model = before.model
            and before.week_start < weekly.week_start
            and before.week_start >= weekly.week_start - interval {{ 7 * weeks }} day
            and before.calls >= {{ calls_of_a_week }}
    where weekly.calls >= {{ calls_of_a_week }}
    group by weekly.week_start, weekly.feature_id, weekly.service_provider, weekly.model

),

recent as (

    select
        weekly.week_start,
        weekly.feature_id,
        weekly.service_provider,
        weekly.model,
        weekly.hit_rate,
        weekly.long_output_tokens,
        weekly.mean_input_tokens,
        earlier.earlier_input_tokens
    from weekly
    inner join latest
        on weekly.week_start >= latest.first_week_start
    left join earlier
        on
            weekly.week_start = earlier.week_start
            and weekly.feature_id = earlier.feature_id
            and weekly.service_provider = earlier.service_provider
            and weekly.model = earlier.model

)

select * from recent
