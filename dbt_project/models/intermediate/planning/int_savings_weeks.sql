with habits as (

    select * from {{ ref('int_savings_habits') }}

),

models as (

    select * from {{ ref('int_savings_models') }}

),

idle as (

    select * from {{ ref('int_savings_idle') }}

),

scenarios as (

    select * from {{ ref('stg_config__scenario_alternatives') }}

),

scenario_models as (

    select * from {{ ref('stg_config__scenario_models') }}

),

tenants as (

    select * from {{ ref('dim_tenants') }}

),

price_keys as (

    select * from {{ ref('stg_pricing__price_keys') }}

),

price_sets as (

    select * from {{ ref('stg_pricing__price_sets') }}

),

weeks as (

    select distinct week_start from habits

),

-- int_price_days looks at the keys of calls; these are those that calls are compared with
compared_prices as (

    select
        cast(date_trunc('week', price_keys.usage_date) as date) as week_start,
        {{ whole_row_hash('price_keys') }} as key_hash,
        {{ whole_row_hash('price_sets') }} as set_hash
    from price_keys
    left join price_sets
        on price_keys.price_set_id = price_sets.price_set_id
    where price_keys.is_compared

),

decided as (

    select
        week_start as usage_date,
        'habits' as decided_by,
        {{ whole_row_hash('habits') }} as row_hash
    from habits
    union all
    select
        week_start as usage_date,
        'models' as decided_by,
        {{ whole_row_hash('models') }} as row_hash
    from models
    union all
    select
        weeks.week_start as usage_date,
        'idle' as decided_by,
        {{ whole_row_hash('idle') }} as row_hash
    from weeks
    inner join idle
        on weeks.week_start = idle.week_start
    union all
    select
        weeks.week_start as usage_date,
        'scenarios' as decided_by,
        {{ whole_row_hash('scenarios') }} as row_hash
    from weeks
    cross join scenarios
    union all
    select
        weeks.week_start as usage_date,
        'scenario_models' as decided_by,
        {{ whole_row_hash('scenario_models') }} as row_hash
    from weeks
    cross join scenario_models
    union all
    select
        weeks.week_start as usage_date,
        'tenants' as decided_by,
        {{ row_hash('tenants.tenant_id, tenants.is_free_plan') }} as row_hash
    from weeks
    cross join tenants
    where tenants.is_free_plan
    union all
    select
        weeks.week_start as usage_date,
        'prices' as decided_by,
        {{ row_hash('compared_prices.key_hash, compared_prices.set_hash') }} as row_hash
    from weeks
    inner join compared_prices
        on weeks.week_start = compared_prices.week_start

)

select * from decided
