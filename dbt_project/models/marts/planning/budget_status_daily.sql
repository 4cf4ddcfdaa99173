with budgets as (

    select * from {{ ref('stg_config__budgets') }}

),

economics as (

    select * from {{ ref('unit_economics_daily') }}

),

callers as (

    select * from {{ ref('int_usage_callers_daily') }}

),

days as (

    select distinct usage_date from economics

),

scopes as (

    select distinct
        scope,
        scope_id
    from budgets

),

costs as (

    select
        usage_date,
        'company' as scope,
        'company' as scope_id,
        effective_cost_usd,
        unpriced_calls,
        unpriced_tokens
    from economics
    {%- for scope, column in {'tenant': 'tenant_id', 'product': 'product_id', 'feature': 'feature_id', 'model': 'model'}.items() %}
    union all
    select
        usage_date,
        '{{ scope }}' as scope,
        {{ column }} as scope_id,
        effective_cost_usd,
        unpriced_calls,
        unpriced_tokens
    from economics
    {%- endfor %}
    {%- for scope, column in {'user': 'user_key', 'key': 'api_key_id'}.items() %}
    union all
    select
        callers.usage_date,
        '{{ scope }}' as scope,
        callers.{{ column }} as scope_id,
        callers.effective_cost_usd,
        callers.unpriced_calls,
        callers.unpriced_tokens
    from callers
    inner join scopes
        on
            callers.{{ column }} = scopes.scope_id
            and scopes.scope = '{{ scope }}'
    {%- endfor %}

),

spent as (

    select
        costs.usage_date,
        costs.scope,
        costs.scope_id,
        cast(sum(costs.effective_cost_usd) as decimal(26, 12)) as cost_usd,
        cast(sum(costs.unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(costs.unpriced_tokens) as bigint) as unpriced_tokens
    from costs
    inner join scopes
        on
            costs.scope = scopes.scope
            and costs.scope_id = scopes.scope_id
    group by costs.usage_date, costs.scope, costs.scope_id

),

budget_days as (

    select
        days.usage_date,
        budgets.scope,
        budgets.scope_id,
        budgets.period,
        budgets.amount_usd,
        cast(date_trunc('month', days.usage_date) as date) as month_start,
        cast(date_trunc('month', days.usage_date) + interval 1 month as date) as next_month_start
    from days
    inner join budgets
        on
            days.usage_date >= budgets.valid_from
            and days.usage_date < budgets.valid_to

),

lengths as (

    select
        *,
        {{ dbt.datediff('month_start', 'usage_date', 'day') }} + 1 as month_day,
        {{ dbt.datediff('month_start', 'next_month_start', 'day') }} as month_days
    from budget_days

),

-- the days of the last week there are data of: a company that began on Thursday has no zero for Monday
paces as (

    select
        days.usage_date,
        count(*) as pace_days
    from days
    inner join days as earlier
        on
            earlier.usage_date <= days.usage_date
            and earlier.usage_date > cast(days.usage_date - interval 7 day as date)
    group by days.usage_date

),

summed as (

    select
        lengths.usage_date,
        lengths.scope,
        lengths.scope_id,
        lengths.period,
        lengths.amount_usd,
        lengths.month_day,
        lengths.month_days,
        paces.pace_days,
        cast(coalesce(sum(spent.cost_usd) filter (
            where spent.usage_date = lengths.usage_date
            or (lengths.period = 'month' and spent.usage_date >= lengths.month_start)
        ), 0) as decimal(26, 12)) as spent_usd,
        {%- for unpriced in ['unpriced_calls', 'unpriced_tokens'] %}
        cast(coalesce(sum(spent.{{ unpriced }}) filter (
            where spent.usage_date = lengths.usage_date
            or (lengths.period = 'month' and spent.usage_date >= lengths.month_start)
        ), 0) as bigint) as {{ unpriced }},
        {%- endfor %}
        cast(coalesce(sum(spent.cost_usd) filter (
            where spent.usage_date > cast(lengths.usage_date - interval 7 day as date)
        ), 0) as decimal(26, 12)) as last_week_usd
    from lengths
    inner join paces
        on lengths.usage_date = paces.usage_date
    left join spent
        on
            lengths.scope = spent.scope
            and lengths.scope_id = spent.scope_id
            and spent.usage_date <= lengths.usage_date
            and spent.usage_date > cast(lengths.usage_date - interval 31 day as date)
    group by
        lengths.usage_date, lengths.scope, lengths.scope_id, lengths.period, lengths.amount_usd, lengths.month_day,
        lengths.month_days, paces.pace_days

),

planned as (

    select
        *,
        case
            when period = 'day' then cast(amount_usd as decimal(26, 12))
            else {{ divide_exact('cast(amount_usd as decimal(26, 12))', 'month_day', 'month_days') }}
        end as planned_usd,
        case
            when period = 'day' then spent_usd
            else spent_usd + {{ divide_exact('last_week_usd', 'month_days - month_day', 'pace_days') }}
        end as projected_usd
    from summed

),

status as (

    select
        usage_date,
        scope,
        scope_id,
        period,
        cast(amount_usd as decimal(38, 12)) as budget_usd,
        cast(planned_usd as decimal(38, 12)) as planned_usd,
        cast(spent_usd as decimal(38, 12)) as spent_usd,
        cast(amount_usd - spent_usd as decimal(38, 12)) as remaining_usd,
        cast(projected_usd as decimal(38, 12)) as projected_usd,
        cast(spent_usd as double) / nullif(cast(planned_usd as double), 0) as spent_of_plan,
        case
            when spent_usd * 2 >= planned_usd * 3 then 'breach'
            when spent_usd * 5 >= planned_usd * 6 then 'alert'
            else 'ok'
        end as status,
        spent_usd > amount_usd as is_exhausted,
        unpriced_calls,
        unpriced_tokens
    from planned

)

select * from status
