with months as (

    select * from {{ ref('int_tco_months') }}

),

allocations as (

    select * from {{ ref('int_allocations') }}

),

charges as (

    select * from {{ ref('int_tco_charges') }}

),

people as (

    select * from {{ ref('stg_config__people') }}

),

costs as (

    select * from {{ ref('stg_config__tco_costs') }}

),

updates as (

    select * from {{ ref('stg_config__tco_model_updates') }}

),

billed as (

    select
        cast(date_trunc('month', allocations.usage_date) as date) as month_start,
        coalesce(charges.rule_product_id, allocations.product_id) as product_id,
        charges.line,
        'bill' as source,
        charges.category,
        charges.is_gpu,
        charges.carries_load,
        charges.is_gpu or charges.line <> 'inference' as is_serving_stack,
        cast(sum(allocations.effective_amount_usd) as decimal(26, 12)) as cash_usd
    from allocations
    inner join charges
        on allocations.charge_id = charges.charge_id
    group by
        cast(date_trunc('month', allocations.usage_date) as date),
        coalesce(charges.rule_product_id, allocations.product_id),
        charges.line,
        charges.category,
        charges.is_gpu,
        charges.carries_load

),

people_days as (

    select
        people.*,
        months.month_start,
        months.month_days,
        {{ dbt.datediff('greatest(months.first_day, people.valid_from)', 'least(months.end_day, people.valid_to)', 'day') }}
            as held_days
    from people
    inner join months
        on
            people.valid_from < months.end_day
            and people.valid_to > months.first_day

),

-- A month costs a twelfth of the year, a day its part of the month.
people_months as (

    select
        month_start,
        product_id,
        line,
        'people' as source,
        role as category,
        is_serving or line <> 'people' as is_serving_stack,
        {{ divide_exact('loaded_usd_per_year', 'share * held_days', '12 * month_days') }} as cash_usd
    from people_days

),

cost_days as (

    select
        costs.*,
        months.month_start,
        months.month_days,
        {{ dbt.datediff('greatest(months.first_day, costs.valid_from)', 'least(months.end_day, costs.valid_to)', 'day') }}
            as held_days
    from costs
    inner join months
        on
            costs.valid_from < months.end_day
            and costs.valid_to > months.first_day

),

cost_months as (

    select
        month_start,
        product_id,
        line,
        'stated' as source,
        category,
        true as is_serving_stack,
        {{ divide_exact('usd_per_month', 'held_days', 'month_days') }} as cash_usd
    from cost_days

),

update_hours as (

    select
        months.month_start,
        updates.product_id,
        updates.update_id,
        people.line as role_line,
        people.role,
        people.is_serving or people.line <> 'people' as role_is_serving_stack,
        case
            when updates.role is null then cast(updates.engineer_hours * updates.usd_per_hour as decimal(26, 12))
            else {{ divide_exact('people.loaded_usd_per_year', 'updates.engineer_hours', 'updates.hours_per_year') }}
        end as cash_usd
    from updates
    inner join months
        on
            updates.update_date >= months.first_day
            and updates.update_date < months.end_day
    left join people
        on
            updates.role = people.role
            and updates.product_id = people.product_id
            and updates.update_date >= people.valid_from
            and updates.update_date < people.valid_to

),

-- Hours of a role leave its line: an hour is in one.
update_months as (

    select
        month_start,
        product_id,
        'model_updates' as line,
        'people' as source,
        update_id as category,
        true as is_serving_stack,
        cash_usd
    from update_hours

    union all

    select
        month_start,
        product_id,
        role_line as line,
        'people' as source,
        role as category,
        role_is_serving_stack as is_serving_stack,
        -cash_usd as cash_usd
    from update_hours
    where role_line is not null

),

timed as (

    select * from people_months

    union all

    select * from cost_months

    union all

    select * from update_months

),

together as (

    select
        month_start, product_id, line, source, category, is_gpu, carries_load, is_serving_stack, cash_usd
    from billed

    union all

    select
        month_start, product_id, line, source, category, false as is_gpu, false as carries_load, is_serving_stack,
        cast(sum(cash_usd) as decimal(26, 12)) as cash_usd
    from timed
    group by month_start, product_id, line, source, category, is_serving_stack

)

select * from together
