with measured_months as (

    select * from {{ ref('int_tco_months') }}

),

months_ahead as (

    select * from {{ ref('int_tco_months_ahead') }}

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

-- A month the ledger covers in part is there twice: as far as it is covered, and whole, as an estimate.
months as (

    select
        month_start, first_day, end_day, month_days, false as is_estimate
    from measured_months

    union all

    select
        month_start, first_day, end_day, month_days, true as is_estimate
    from months_ahead

),

people_days as (

    select
        people.*,
        months.is_estimate,
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
        is_estimate,
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
        months.is_estimate,
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
        is_estimate,
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
        months.is_estimate,
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
        is_estimate,
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
        is_estimate,
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

summed as (

    select
        is_estimate,
        month_start,
        product_id,
        line,
        source,
        category,
        is_serving_stack,
        cast(sum(cash_usd) as decimal(26, 12)) as cash_usd
    from timed
    group by is_estimate, month_start, product_id, line, source, category, is_serving_stack

)

select * from summed
