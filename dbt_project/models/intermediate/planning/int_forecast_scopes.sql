{#- The forecast: of each day of the week the last four, the latest weighing four times the first. Chosen on
tests/unit/dbt_project/forecast_rows.py, seeds 0 to 19; docs/decisions/0009-forecast-in-sql.md. -#}
{%- set weights = [4, 3, 2, 1] -%}
{#- A back-test asks for the 28 days after an origin; three origins are the fewest an error is told from. -#}
{%- set horizon, least_origins = 4, 3 -%}
{#- Days whose P50, P95 and P99 are the steady floor and the spikes: a quarter of a year. -#}
{%- set load_blocks = 13 -%}
{%- set scopes = {'company': "'company'", 'product': 'product_id', 'model': 'model', 'account': 'account'} -%}
with days as (

    select * from {{ ref('int_forecast_days') }}

),

numbers as (
    {{ dbt.generate_series(52) }}
),

scoped as (
    {%- for scope, id in scopes.items() %}

    select
        usage_date,
        basis_date,
        block,
        '{{ scope }}' as scope,
        {{ id }} as scope_id,
        base_cost_usd
    from days
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

-- a scope begins with its first call or cost; whole blocks only
spans as (

    select
        scope,
        scope_id,
        basis_date,
        greatest(
            cast(floor(({{ dbt.datediff('min(usage_date)', 'basis_date', 'day') }} + 1) / 7) as integer), 0
        ) as history_blocks
    from scoped
    group by scope, scope_id, basis_date

),

summed as (

    select
        scope,
        scope_id,
        block,
        cast(sum(base_cost_usd) as decimal(26, 12)) as base_cost_usd
    from scoped
    group by scope, scope_id, block

),

dense as (

    select
        spans.scope,
        spans.scope_id,
        spans.history_blocks,
        numbers.generated_number - 1 as block,
        coalesce(summed.base_cost_usd, cast(0 as decimal(26, 12))) as base_cost_usd
    from spans
    inner join numbers
        on spans.history_blocks >= numbers.generated_number
    left join summed
        on
            spans.scope = summed.scope
            and spans.scope_id = summed.scope_id
            and numbers.generated_number - 1 = summed.block

),

-- blocks count backwards: those before an origin in time have higher numbers
asked as (

    select
        scope,
        scope_id,
        block,
        history_blocks,
        cast(sum(base_cost_usd) over later as decimal(26, 12)) as actual_usd,
        cast(
            {%- for weight in weights %}
            {{ '+ ' if not loop.first }}lead(base_cost_usd, {{ loop.index0 }}) over by_block * {{ weight }}
            {%- endfor %}
            as decimal(26, 12)
        ) as weighted_usd,
        cast(base_cost_usd * {{ horizon }} as decimal(26, 12)) as naive_usd
    from dense
    window
        by_block as (partition by scope, scope_id order by block asc nulls last),
        later as (
            partition by scope, scope_id order by block asc nulls last
            rows between {{ horizon }} preceding and 1 preceding
        )

),

origins as (

    select
        scope,
        scope_id,
        actual_usd,
        naive_usd,
        {{ divide_exact('weighted_usd', horizon | string, weights | sum | string, 12, 0) }} as weighted_usd
    from asked
    where block >= {{ horizon }} and block <= history_blocks - {{ weights | length }}

),

{%- set methods = {'weighted_weeks': 'weighted_usd', 'seasonal_naive': 'naive_usd'} %}

missed as (
    {%- for method, forecast in methods.items() %}

    select
        scope,
        scope_id,
        '{{ method }}' as method,
        actual_usd,
        cast(abs(actual_usd - {{ forecast }}) as decimal(26, 12)) as miss_usd,
        case
            when actual_usd > 0 and {{ forecast }} > 0
                then
                    cast(greatest(actual_usd, {{ forecast }}) as double)
                    / nullif(cast(least(actual_usd, {{ forecast }}) as double), 0)
        end as times_off
    from origins
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

ranked as (

    select
        *,
        row_number() over (
            partition by scope, scope_id, method order by times_off asc nulls last, miss_usd asc nulls last
        ) as off_rank,
        count(*) over (partition by scope, scope_id, method) as origins
    from missed

),

-- nearest rank, so that nine in ten of the origins were no further off; with fewer than ten, all
judged as (

    select
        scope,
        scope_id,
        method,
        cast(max(origins) as integer) as origins,
        cast(sum(miss_usd) as double) / nullif(cast(sum(actual_usd) as double), 0) as error,
        case
            when count(times_off) = count(*) then max(case when off_rank <= ceil(0.9 * origins) then times_off end)
        end as times_off
    from ranked
    group by scope, scope_id, method

),

compared as (

    select
        weighted.scope,
        weighted.scope_id,
        weighted.origins,
        weighted.error as weighted_error,
        weighted.times_off as weighted_times_off,
        naive.error as naive_error,
        naive.times_off as naive_times_off
    from judged as weighted
    inner join judged as naive
        on
            weighted.scope = naive.scope
            and weighted.scope_id = naive.scope_id
            and naive.method = 'seasonal_naive'
    where weighted.method = 'weighted_weeks'

),

-- one for all, told by the company's error: a sum of days weighed alike is the sum of its parts
chosen as (

    select coalesce(max(case when naive_error < weighted_error then 'seasonal_naive' end), 'weighted_weeks') as method
    from compared
    where scope = 'company'

),

loads as (

    select
        scope,
        scope_id,
        usage_date,
        block,
        cast(sum(base_cost_usd) as decimal(26, 12)) as base_cost_usd
    from scoped
    where block >= 0 and block < {{ load_blocks }}
    group by scope, scope_id, usage_date, block

),

load_days as (

    select
        loads.scope,
        loads.scope_id,
        loads.base_cost_usd,
        least(spans.history_blocks, {{ load_blocks }}) * 7 as day_count,
        row_number() over (
            partition by loads.scope, loads.scope_id order by loads.base_cost_usd desc nulls last, loads.usage_date asc nulls last
        ) as load_rank
    from loads
    inner join spans
        on
            loads.scope = spans.scope
            and loads.scope_id = spans.scope_id
            and spans.history_blocks > 0
    where loads.block < spans.history_blocks

),

-- nearest rank from above, days without cost below all others
percentiles as (

    select
        scope,
        scope_id,
        max(day_count) as load_day_count,
        {%- for name, percent in {'p50': 50, 'p95': 95, 'p99': 99}.items() %}
        coalesce(
            max(case when load_rank = day_count - ceil(day_count * {{ percent / 100 }}) + 1 then base_cost_usd end),
            cast(0 as decimal(26, 12))
        ) as {{ name }}_day_usd,
        {%- endfor %}
        cast(sum(base_cost_usd) as decimal(26, 12)) as load_usd
    from load_days
    group by scope, scope_id

),

scopes as (

    select
        spans.scope,
        spans.scope_id,
        spans.basis_date,
        spans.history_blocks,
        spans.history_blocks >= {{ horizon + weights | length - 1 + least_origins }} as has_history,
        {{ horizon + weights | length - 1 + least_origins }} as least_blocks,
        chosen.method,
        coalesce(compared.origins, 0) as back_test_origins,
        case when chosen.method = 'seasonal_naive' then compared.naive_error else compared.weighted_error end as back_test_error,
        compared.weighted_error as weighted_weeks_error,
        compared.naive_error as seasonal_naive_error,
        case when chosen.method = 'seasonal_naive' then compared.naive_times_off else compared.weighted_times_off end as times_off,
        percentiles.load_day_count,
        percentiles.load_usd,
        percentiles.p50_day_usd,
        percentiles.p95_day_usd,
        percentiles.p99_day_usd
    from spans
    left join compared
        on
            spans.scope = compared.scope
            and spans.scope_id = compared.scope_id
    cross join chosen
    left join percentiles
        on
            spans.scope = percentiles.scope
            and spans.scope_id = percentiles.scope_id

)

select * from scopes
