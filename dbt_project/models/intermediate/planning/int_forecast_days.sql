{#- What is looked back on: 52 blocks of seven days, each with every day of the week once. -#}
{%- set blocks = 52 -%}
{%- set price_key = ['service_provider', 'host', 'region', 'model_id', 'service_tier'] -%}
{%- set cell = ['usage_date', 'product_id', 'model', 'service_provider', 'cost_nature', 'cost_center'] -%}
{%- set measures = {
    'requests': 'bigint', 'calls': 'bigint', 'tokens': 'bigint', 'contracted_cost_usd': 'decimal(26, 12)',
    'base_cost_usd': 'decimal(26, 12)', 'cost_usd': 'decimal(26, 12)', 'unpriced_calls': 'bigint', 'unpriced_tokens': 'bigint',
} -%}
with sums as (

    select * from {{ ref('int_forecast_calls') }}

),

allocations as (

    select * from {{ ref('int_allocations') }}

),

repriced as (

    select * from {{ ref('int_forecast_repriced') }}

),

gl_map as (

    select
        *,
        case when cost_nature is null then 0 else 1 end
        + case when service_provider is null then 0 else 1 end
        + case when cost_center is null then 0 else 1 end as keys_named
    from {{ ref('stg_config__gl_map') }}
    where line_type = 'expense'

),

bounds as (

    select
        max(usage_date) as last_date,
        cast(date_trunc('month', max(usage_date)) as date) as month_start,
        cast(date_trunc('month', max(usage_date)) + interval 1 month as date) as next_month_start
    from sums

),

-- the month of the last day counts when that is its last
basis as (

    select
        cast(
            case
                when {{ dbt.dateadd('day', 1, 'last_date') }} = next_month_start then last_date
                else {{ dbt.dateadd('day', -1, 'month_start') }}
            end as date
        ) as basis_date
    from bounds

),

-- days on which calls by a key had another price than on the last day anything was called by it
repriced_days as (

    select distinct
        usage_date,
        {{ price_key | join(', ') }}
    from repriced

),

counted as (

    select
        sums.usage_date,
        {%- for name in cell[1:] %}
        sums.{{ name }},
        {%- endfor %}
        sums.requests,
        sums.calls,
        sums.tokens,
        sums.contracted_cost_usd,
        sums.contracted_cost_usd as base_cost_usd,
        cast(0 as decimal(26, 12)) as cost_usd,
        sums.unpriced_calls,
        sums.unpriced_tokens
    from sums
    inner join basis
        on sums.usage_date > cast({{ dbt.dateadd('day', -7 * blocks, 'basis.basis_date') }} as date)
    left join repriced_days
        on
            sums.usage_date = repriced_days.usage_date
            {%- for name in price_key %}
            and sums.{{ name }} = repriced_days.{{ name }}
            {%- endfor %}
    where repriced_days.usage_date is null
    union all
    select
        repriced.usage_date,
        {%- for name in cell[1:] %}
        repriced.{{ name }},
        {%- endfor %}
        repriced.requests,
        repriced.calls,
        repriced.tokens,
        repriced.contracted_cost_usd,
        repriced.base_cost_usd,
        cast(0 as decimal(26, 12)) as cost_usd,
        repriced.unpriced_calls,
        repriced.unpriced_tokens
    from repriced
    inner join basis
        on repriced.usage_date > cast({{ dbt.dateadd('day', -7 * blocks, 'basis.basis_date') }} as date)

),

parts as (

    select
        {{ cell | join(', ') }},
        cast(sum(requests) as bigint) as requests,
        cast(sum(calls) as bigint) as calls,
        cast(sum(tokens) as bigint) as tokens,
        cast(sum(contracted_cost_usd) as decimal(26, 12)) as contracted_cost_usd,
        cast(sum(base_cost_usd) as decimal(26, 12)) as base_cost_usd,
        cast(sum(cost_usd) as decimal(26, 12)) as cost_usd,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens
    from counted
    group by {{ cell | join(', ') }}
    union all
    select
        {{ cell | join(', ') }},
        0 as requests,
        0 as calls,
        0 as tokens,
        0 as contracted_cost_usd,
        0 as base_cost_usd,
        cast(sum(effective_amount_usd) as decimal(26, 12)) as cost_usd,
        0 as unpriced_calls,
        0 as unpriced_tokens
    from allocations
    group by {{ cell | join(', ') }}

),

numbered as (

    select
        parts.*,
        basis.basis_date,
        row_number() over (
            order by
                parts.usage_date asc nulls last,
                parts.product_id asc nulls last,
                parts.model asc nulls last,
                parts.service_provider asc nulls last,
                parts.cost_nature asc nulls last,
                parts.cost_center asc nulls last,
                parts.calls asc nulls last
        ) as part_number
    from parts
    inner join basis
        on parts.usage_date > cast({{ dbt.dateadd('day', -7 * blocks, 'basis.basis_date') }} as date)

),

-- the account a cost of the last complete month goes to, by the row that says most, as the journal does
matched as (

    select
        numbered.*,
        coalesce(gl_map.account, 'unmapped') as account,
        row_number() over (
            partition by numbered.part_number order by gl_map.keys_named desc nulls last, gl_map.account asc nulls last
        ) as match_number
    from numbered
    left join gl_map
        on
            numbered.basis_date >= gl_map.valid_from
            and numbered.basis_date < gl_map.valid_to
            and (gl_map.service_provider is null or numbered.service_provider = gl_map.service_provider)
            and (gl_map.cost_nature is null or numbered.cost_nature = gl_map.cost_nature)
            and (gl_map.cost_center is null or coalesce(numbered.cost_center, 'unattributed') = gl_map.cost_center)

),

days as (

    select
        usage_date,
        basis_date,
        coalesce(product_id, 'unattributed') as product_id,
        coalesce(model, 'unattributed') as model,
        account,
        {%- for name, type in measures.items() %}
        cast(sum({{ name }}) as {{ type }}) as {{ name }},
        {%- endfor %}
        cast(floor({{ dbt.datediff('usage_date', 'basis_date', 'day') }} / 7) as integer) as block,
        cast(mod({{ dbt.datediff("cast('1970-01-05' as date)", 'usage_date', 'day') }}, 7) as integer) as weekday
    from matched
    where match_number = 1
    group by usage_date, basis_date, coalesce(product_id, 'unattributed'), coalesce(model, 'unattributed'), account

)

select * from days
