with tasks as (

    select
        *,
        cast(date_trunc('month', ended_date) as date) as month_start
    from {{ ref('fct_tasks') }}
    where {{ is_touched_month('tasks', 'ended_date') }}

),

features as (

    select * from {{ ref('dim_features') }}

),

remediation as (

    select * from {{ ref('stg_config__tco_remediation') }}

),

judged as (

    select
        tasks.month_start,
        coalesce(features.product_id, 'unattributed') as product_id,
        tasks.is_resolved,
        case when not tasks.is_resolved then remediation.usd_per_wrong_answer end as usd
    from tasks
    left join features
        on tasks.feature_id = features.feature_id
    left join remediation
        on
            tasks.feature_id = remediation.feature_id
            and tasks.ended_date >= remediation.valid_from
            and tasks.ended_date < remediation.valid_to
    where
        tasks.is_outcome_known
        and tasks.ended_date is not null

),

answers as (

    select
        month_start,
        product_id,
        cast(count(*) as bigint) as judged_answers,
        cast(count(*) filter (where not is_resolved) as bigint) as wrong_answers,
        cast(count(*) filter (where not is_resolved and usd is null) as bigint) as unvalued_wrong_answers,
        -- Nothing wrong costs nothing; what is wrong and has no cost is unknown.
        case
            when count(*) filter (where not is_resolved) = 0 then cast(0 as decimal(26, 12))
            else cast(sum(usd) as decimal(26, 12))
        end as bad_answers_usd
    from judged
    group by month_start, product_id

)

select * from answers
