{#- Weeks looked back on: long enough for habits to show, short enough that the savings are of today's prices and work. -#}
{%- set weeks = 4 -%}
{#- A week of fewer calls says nothing about how long a prompt usually is. -#}
{%- set calls_of_a_week = 100 -%}
with usage as (

    select * from {{ ref('fct_usage') }}

),

latest as (

    select
        cast(max(week_start) - interval {{ 7 * (weeks - 1) }} day as date) as first_week_start,
        cast(max(week_start) - interval {{ 7 * (2 * weeks - 1) }} day as date) as first_earlier_week_start
    from usage

),

weekly as (

    select
        usage.week_start,
        usage.feature_id,
        usage.service_provider,
        usage.model,
        latest.first_week_start,
        count(*) as calls,
        cast(sum(usage.cache_read_tokens) as double) / nullif(cast(sum(usage.total_input_tokens) as double), 0) as hit_rate,
        cast(floor(percentile_cont(0.95) within group (order by usage.reasoning_tokens + usage.output_text_tokens asc)) as bigint)
            as long_output_tokens,
        cast(floor(cast(sum(usage.total_input_tokens) as double) / nullif(count(*), 0)) as bigint) as mean_input_tokens
    from usage
    inner join latest
        on usage.week_start >= latest.first_earlier_week_start
    where usage.pricing_status = 'priced'
    group by usage.week_start, usage.feature_id, usage.service_provider, usage.model, latest.first_week_start

),

compared as (

    select
        *,
        min(case when calls >= {{ calls_of_a_week }} then mean_input_tokens end) over (
            partition by feature_id, service_provider, model
            order by week_start asc nulls last
            rows between {{ weeks }} preceding and 1 preceding
        ) as earlier_input_tokens
    from weekly

),

recent as (

    select
        week_start,
        feature_id,
        service_provider,
        model,
        calls,
        hit_rate,
        long_output_tokens,
        mean_input_tokens,
        case when calls >= {{ calls_of_a_week }} then earlier_input_tokens end as earlier_input_tokens
    from compared
    where week_start >= first_week_start

)

select * from recent
