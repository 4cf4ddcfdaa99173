{#- Of each day of the week: the four latest of int_forecast_scopes; the seasonal naive forecast takes the last alone. -#}
{%- set weights = [4, 3, 2, 1] -%}
{%- set scopes = {'company': "'company'", 'product': 'product_id', 'model': 'model', 'account': 'account'} -%}
{%- set counts, amounts = ['requests', 'calls', 'tokens', 'unpriced_calls', 'unpriced_tokens'], ['base_cost_usd', 'other_cost_usd'] -%}
{%- set lines = ['base', 'other_charges', 'planned_growth', 'price_compression', 'growth_reserve', 'hidden_costs'] -%}
{%- set million = 1000000 -%}
with days as (

    select
        *,
        cast(cost_usd - base_cost_usd as decimal(26, 12)) as other_cost_usd
    from {{ ref('int_forecast_days') }}

),

scopes as (

    select * from {{ ref('int_forecast_scopes') }}

),

months_said as (

    select * from {{ ref('stg_config__forecast_months') }}

),

users as (

    select
        month_start,
        product_id,
        cast(sum(active_users) as bigint) as active_users
    from {{ ref('revenue_efficiency_monthly') }}
    group by month_start, product_id

),

numbers as (
    {{ dbt.generate_series(366) }}
),

company as (

    select
        basis_date,
        method,
        cast({{ dbt.dateadd('day', 1, 'basis_date') }} as date) as first_date
    from scopes
    where scope = 'company'

),

days_ahead as (

    select
        company.method,
        company.first_date,
        cast({{ dbt.dateadd('day', 'numbers.generated_number - 1', 'company.first_date') }} as date) as usage_date
    from company
    cross join numbers

),

weekdays_ahead as (

    select
        method,
        cast(date_trunc('month', usage_date) as date) as month_start,
        cast({{ dbt.datediff('first_date', "cast(date_trunc('month', usage_date) as date)", 'month') }} + 1 as integer) as month_number,
        cast(mod({{ dbt.datediff("cast('1970-01-05' as date)", 'usage_date', 'day') }}, 7) as integer) as weekday,
        count(*) as weekday_days
    from days_ahead
    group by
        method,
        cast(date_trunc('month', usage_date) as date),
        cast({{ dbt.datediff('first_date', "cast(date_trunc('month', usage_date) as date)", 'month') }} + 1 as integer),
        cast(mod({{ dbt.datediff("cast('1970-01-05' as date)", 'usage_date', 'day') }}, 7) as integer)

),

weighted_ahead as (
    {%- for weight in weights %}

    select
        month_start,
        month_number,
        weekday,
        {{ loop.index0 }} as block,
        cast(
            weekday_days
            * case when method = 'seasonal_naive' then {{ weights | sum if loop.first else 0 }} else {{ weight }} end
            as decimal(4, 0)
        ) as day_weight
    from weekdays_ahead
    where month_number <= 12
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

-- cells are divided and summed: the parts of a scope add up to it, to the last decimal
weighed as (

    select
        weighted_ahead.month_start,
        weighted_ahead.month_number,
        days.product_id,
        days.model,
        {%- for name in counts + amounts %}
        cast(sum(days.{{ name }} * weighted_ahead.day_weight) as {{ 'decimal(26, 12)' if name in amounts else 'bigint' }})
            as {{ name }},
        {%- endfor %}
        days.account
    from days
    inner join weighted_ahead
        on
            days.weekday = weighted_ahead.weekday
            and days.block = weighted_ahead.block
    group by weighted_ahead.month_start, weighted_ahead.month_number, days.product_id, days.model, days.account

),

factors as (

    select
        weighed.*,
        {%- for name in counts %}
        cast(floor({{ name }} / {{ weights | sum }}) as bigint) as {{ name }}_ahead,
        {%- endfor %}
        {%- for name in amounts %}
        {{ divide_exact(name, '1', weights | sum | string, 12, 0) }} as {{ name }}_ahead,
        {%- endfor %}
        months_said.growth_factor,
        months_said.price_factor,
        months_said.growth_reserve_percent,
        months_said.hidden_costs_percent
    from weighed
    inner join months_said
        on weighed.month_number = months_said.month_number

),

grown as (

    select
        *,
        {{ divide_exact('base_cost_usd_ahead', 'growth_factor', '1') }} as grown_usd
    from factors

),

lined as (

    select
        *,
        base_cost_usd_ahead as base_usd,
        other_cost_usd_ahead as other_charges_usd,
        grown_usd - base_cost_usd_ahead as planned_growth_usd,
        {{ divide_exact('grown_usd', 'price_factor', '1') }} - grown_usd as price_compression_usd,
        {{ divide_exact('base_cost_usd_ahead', 'growth_reserve_percent', '100') }} as growth_reserve_usd,
        {{ divide_exact('base_cost_usd_ahead', 'hidden_costs_percent', '100') }} as hidden_costs_usd
    from grown

),

cells as (

    {%- for scope, id in scopes.items() %}

    select
        lined.*,
        '{{ scope }}' as scope,
        {{ id }} as cell_scope_id
    from lined
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

-- what has too little history of its own is together what the company's forecast has left over
summed as (

    select
        cells.month_start,
        cells.month_number,
        cells.scope,
        {%- for line in lines %}
        cast(sum(cells.{{ line }}_usd) as decimal(26, 12)) as {{ line }}_usd,
        {%- endfor %}
        {%- for name in counts %}
        cast(sum(cells.{{ name }}_ahead) as bigint) as {{ name }},
        {%- endfor %}
        case when scopes.has_history or cells.scope = 'company' then cells.cell_scope_id else 'short_history' end as scope_id
    from cells
    inner join scopes
        on
            cells.scope = scopes.scope
            and cells.cell_scope_id = scopes.scope_id
    group by
        cells.month_start, cells.month_number, cells.scope,
        case when scopes.has_history or cells.scope = 'company' then cells.cell_scope_id else 'short_history' end

),

known as (

    select coalesce(bool_or(has_history), false) as has_history
    from scopes
    where scope = 'company'

),

months as (

    select distinct
        month_start,
        month_number
    from weekdays_ahead
    where month_number <= 12

),

wanted as (

    select
        months.month_start,
        months.month_number,
        scopes.scope,
        scopes.scope_id,
        scopes.has_history and known.has_history as has_forecast,
        scopes.history_blocks,
        scopes.least_blocks
    from months
    cross join scopes
    cross join known
    union all
    select distinct
        summed.month_start,
        summed.month_number,
        summed.scope,
        'short_history' as scope_id,
        true as has_forecast,
        cast(null as integer) as history_blocks,
        cast(null as integer) as least_blocks
    from summed
    cross join known
    where summed.scope_id = 'short_history' and known.has_history

),

described as (

    select
        wanted.month_start,
        wanted.month_number,
        wanted.scope,
        wanted.scope_id,
        wanted.has_forecast,
        case
            when not wanted.has_forecast
                then
                    'too little history: ' || cast(wanted.history_blocks as {{ dbt.type_string() }}) || ' whole weeks up to '
                    || cast(company.basis_date as {{ dbt.type_string() }}) || ', ' || cast(wanted.least_blocks as {{ dbt.type_string() }})
                    || ' are needed'
            when wanted.scope_id = 'short_history' and scopes.scope is null
                then 'what has too little history of its own, by the history of the company; no back-test'
            when company.method = 'seasonal_naive'
                then 'the last week again: in the back-test the seasonal naive forecast was nearer than four weighted weeks'
            when scopes.back_test_error is null then 'no call with a price in the back-test'
            when scopes.back_test_error > scopes.seasonal_naive_error
                then 'the last week again would have been nearer here; what is nearer for the company holds for all its parts'
        end as reason,
        company.basis_date,
        company.method,
        coalesce(scopes.back_test_origins, 0) as back_test_origins,
        scopes.back_test_error,
        scopes.seasonal_naive_error,
        case
            when wanted.has_forecast
                then cast(round({{ million }} * (1 + (scopes.times_off - 1) * sqrt(wanted.month_number))) as bigint)
        end as times_off_millionths,
        scopes.load_day_count,
        scopes.load_usd,
        scopes.p50_day_usd,
        scopes.p95_day_usd,
        {%- for line in lines %}
        case when wanted.has_forecast then coalesce(summed.{{ line }}_usd, cast(0 as decimal(26, 12))) end as {{ line }}_usd,
        {%- endfor %}
        {%- for name in counts %}
        case when wanted.has_forecast then coalesce(summed.{{ name }}, 0) end as {{ name }},
        {%- endfor %}
        scopes.p99_day_usd
    from wanted
    cross join company
    left join scopes
        on
            wanted.scope = scopes.scope
            and wanted.scope_id = scopes.scope_id
    left join summed
        on
            wanted.month_start = summed.month_start
            and wanted.scope = summed.scope
            and wanted.scope_id = summed.scope_id

),

active as (

    select
        company.basis_date,
        'product' as scope,
        users.product_id as scope_id,
        users.active_users
    from company
    inner join users
        on users.month_start = cast(date_trunc('month', company.basis_date) as date)

),

itemised as (
    {%- for line in lines %}

    select
        described.*,
        '{{ line }}' as line,
        {{ loop.index }} as line_number,
        {{ line }}_usd as line_usd,
        {% if line == 'other_charges' %}cast({{ million }} as bigint){% else %}times_off_millionths{% endif %} as line_millionths
    from described
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

forecast as (

    select
        itemised.month_start,
        itemised.scope,
        itemised.scope_id,
        itemised.line,
        itemised.line_number,
        itemised.month_number,
        case when itemised.has_forecast then 'estimate' else 'too_little_history' end as status,
        cast(itemised.line_usd as decimal(38, 12)) as amount_usd,
        cast({{ divide_exact('itemised.line_usd', million | string, 'itemised.line_millionths', 12, 0) }} as decimal(38, 12)) as low_usd,
        cast({{ divide_exact('itemised.line_usd', 'itemised.line_millionths', million | string, 12, 0) }} as decimal(38, 12)) as high_usd,
        {%- for name in counts[:3] %}
        case when itemised.line = 'base' then itemised.{{ name }} end as {{ name }},
        {%- endfor %}
        case when itemised.line = 'base' and itemised.has_forecast then active.active_users end as active_users,
        case
            when itemised.line = 'base'
                then cast(itemised.requests as double) / nullif(active.active_users, 0)
        end as requests_per_active_user,
        case
            when itemised.line = 'base' then cast(itemised.tokens as double) / nullif(itemised.requests, 0)
        end as tokens_per_request,
        case
            when itemised.line = 'base'
                then {{ million }} * cast(itemised.line_usd as double) / nullif(cast(itemised.tokens as double), 0)
        end as price_per_mtok_usd,
        {%- for name, day in {
            'steady_floor_usd': 'p50_day_usd', 'spike_reserve_p95_usd': 'p95_day_usd - p50_day_usd',
            'spike_reserve_p99_usd': 'p99_day_usd - p50_day_usd',
        }.items() %}
        case
            when itemised.line = 'base'
                then
                    cast({{ divide_exact(
                        'itemised.line_usd', 'itemised.load_day_count * (' ~ day ~ ')', 'itemised.load_usd', 12, 6
                    ) }} as decimal(38, 12))
        end as {{ name }},
        {%- endfor %}
        itemised.basis_date,
        itemised.method,
        itemised.back_test_error,
        itemised.seasonal_naive_error,
        cast(itemised.back_test_origins as integer) as back_test_origins,
        itemised.reason,
        case when itemised.line = 'base' then itemised.unpriced_calls end as unpriced_calls,
        case when itemised.line = 'base' then itemised.unpriced_tokens end as unpriced_tokens
    from itemised
    left join active
        on
            itemised.scope = active.scope
            and itemised.scope_id = active.scope_id

)

select * from forecast
