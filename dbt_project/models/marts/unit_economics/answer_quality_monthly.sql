with tasks as (

    select * from {{ ref('int_tasks') }}

),

remediation as (

    select * from {{ ref('stg_config__tco_remediation') }}

),

ended as (

    select
        cast(date_trunc('month', tasks.ended_date) as date) as month_start,
        tasks.feature_id,
        tasks.task_type,
        tasks.model,
        tasks.reasoning_effort,
        tasks.cost_usd,
        tasks.unpriced_calls,
        tasks.unpriced_tokens,
        tasks.is_outcome_known,
        tasks.is_outcome_known and tasks.is_resolved as is_correct,
        tasks.is_outcome_known and not tasks.is_resolved as is_wrong,
        remediation.usd_per_wrong_answer
    from tasks
    left join remediation
        on
            tasks.feature_id = remediation.feature_id
            and tasks.ended_date >= remediation.valid_from
            and tasks.ended_date < remediation.valid_to
    where
        tasks.ended_date is not null
        and {{ is_touched_month('tasks', 'tasks.ended_date') }}

),

sums as (

    select
        month_start,
        feature_id,
        task_type,
        model,
        reasoning_effort,
        count(*) as answers,
        count(*) filter (where is_outcome_known) as judged_answers,
        count(*) filter (where is_correct) as correct_answers,
        cast(sum(cost_usd) as decimal(26, 12)) as cost_usd,
        cast(coalesce(sum(cost_usd) filter (where is_outcome_known), 0) as decimal(26, 12)) as judged_cost_usd,
        count(*) filter (where is_wrong and usd_per_wrong_answer is null) as unvalued_wrong_answers,
        cast(coalesce(sum(case when is_wrong then usd_per_wrong_answer end), 0) as decimal(26, 12)) as remediation_usd,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens
    from ended
    group by month_start, feature_id, task_type, model, reasoning_effort

),

rated as (

    select
        sums.*,
        cast(correct_answers as double) / nullif(judged_answers, 0) as correct_answer_rate
    from sums

),

-- Wilson's interval, which stays between 0 and 1 and holds with few answers; 1.96 is its 95 %. Times n on both sides.
bounded as (

    select
        rated.*,
        cast(correct_answers + 1.9208 as double) / nullif(cast(judged_answers + 3.8416 as double), 0) as centre,
        1.96 * sqrt(correct_answers * (1 - correct_answer_rate) + 0.9604) / nullif(judged_answers + 3.8416, 0) as half_width
    from rated

),

final as (

    select
        month_start,
        feature_id,
        task_type,
        model,
        reasoning_effort,
        cast(answers as bigint) as answers,
        cast(judged_answers as bigint) as judged_answers,
        cast(correct_answers as bigint) as correct_answers,
        correct_answer_rate,
        -- A sum of doubles may end a last place outside 0 to 1.
        case when judged_answers > 0 then greatest(cast(centre - half_width as double), cast(0 as double)) end
            as correct_answer_rate_low,
        case when judged_answers > 0 then least(cast(centre + half_width as double), cast(1 as double)) end
            as correct_answer_rate_high,
        cast(cost_usd as decimal(38, 12)) as cost_usd,
        cast(cost_usd as double) / nullif(answers, 0) as cost_per_answer_usd,
        -- (cost per answer + (1 - p) x remediation) / p, in sums
        case
            when judged_answers >= 30 and unvalued_wrong_answers = 0
                then cast(judged_cost_usd + remediation_usd as double) / nullif(correct_answers, 0)
        end as cost_per_correct_answer_usd,
        cast(unvalued_wrong_answers as bigint) as unvalued_wrong_answers,
        unpriced_calls,
        unpriced_tokens
    from bounded

)

select * from final
