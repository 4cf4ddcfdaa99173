with charges as (

    select * from {{ ref('fct_charges') }}

),

tenants as (

    select * from {{ ref('stg_config__tenants') }}

),

plans as (

    select coalesce(plan, 'unattributed') as plan
    from tenants
    union
    select 'unattributed' as plan

),

kinds as (

    select distinct
        charges.usage_date,
        'unattributed' as environment,
        plans.plan,
        'unattributed' as purpose
    from charges
    cross join plans

),

natures as (
    {{ cost_natures('kinds') }}
),

of_days as (

    select
        usage_date,
        plan,
        cost_nature
    from natures

)

select * from of_days
