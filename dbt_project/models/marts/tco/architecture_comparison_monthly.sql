{#- The normal distribution's two-sided 95 %. -#}
{%- set z = '1.959963984540054' -%}
with alternatives as (

    select * from {{ ref('stg_config__scenario_alternatives') }}

),

models as (

    select * from {{ ref('stg_config__scenario_models') }}

),

model_costs as (

    select * from {{ ref('int_scenario_model_costs') }}

),

measured as (

    select * from {{ ref('int_scenario_features') }}

),

months as (

    select * from {{ ref('int_tco_months') }}

),

remediation as (

    select * from {{ ref('stg_config__tco_remediation') }}

),

route_models as (

    select
        *,
        count(*) over (partition by scenario_id, alternative_id) as models
    from models

),

-- A route costs its models' costs by their shares; where one of them has no price for a call, nothing is known, nor where one came into it
-- after the month's calls went.
routes as (

    select
        route_models.scenario_id,
        route_models.alternative_id,
        model_costs.month_start,
        max(model_costs.unpriced_calls) as unpriced_calls,
        cast(sum(cast(route_models.share * model_costs.priced_cost_usd as decimal(36, 18))) as decimal(26, 12)) as priced_cost_usd
    from route_models
    inner join model_costs
        on
            route_models.feature_id = model_costs.feature_id
            and route_models.service_provider = model_costs.service_provider
            and route_models.model_id = model_costs.model_id
            and route_models.fewer_input_tokens = model_costs.fewer_input_tokens
    group by route_models.scenario_id, route_models.alternative_id, model_costs.month_start
    having count(*) = max(route_models.models)

),

-- GPUs are paid for all hours of the days that are covered, whatever they serve. Calls that another architecture would not take cost
-- what they cost now.
costed as (

    select
        measured.month_start,
        months.covered_days,
        months.covered_days = months.month_days as is_complete,
        alternatives.scenario_id,
        alternatives.feature_id,
        alternatives.answer,
        alternatives.alternative_id,
        alternatives.alternative_order,
        alternatives.cost_basis,
        measured.calls,
        measured.staying_calls,
        case when alternatives.answer = 'task' then measured.tasks else measured.requests end as answers,
        case alternatives.cost_basis
            when 'measured' then measured.unpriced_calls
            when 'price_book'
                then
                    coalesce(routes.unpriced_calls, measured.calls - measured.staying_calls)
                    + measured.unpriced_staying_calls
            else measured.unpriced_staying_calls
        end as unpriced_calls,
        case
            when alternatives.cost_basis = 'measured' then measured.priced_cost_usd
            when alternatives.cost_basis = 'price_book'
                then cast(routes.priced_cost_usd + measured.staying_cost_usd as decimal(26, 12))
            else
                cast(
                    cast(
                        alternatives.usd_per_gpu_hour * cast(alternatives.gpus * months.covered_days * 24 as decimal(9, 0))
                        as decimal(26, 12)
                    )
                    + {{ divide_exact('alternatives.overhead_usd_per_month', 'months.covered_days', 'months.month_days') }}
                    + measured.staying_cost_usd
                    as decimal(26, 12)
                )
        end as priced_cost_usd,
        case when alternatives.cost_basis = 'measured' then measured.correct_answers else alternatives.correct_answers end
            as correct_answers,
        case when alternatives.cost_basis = 'measured' then measured.judged_answers else alternatives.judged_answers end
            as judged_answers,
        case
            when alternatives.cost_basis <> 'measured' then alternatives.quality_source
            when measured.judged_answers > 0 then 'tasks that ended in the month'
        end as quality_source,
        case
            when alternatives.cost_basis = 'measured' then measured.latency_p95_seconds
            else cast(alternatives.latency_p95_seconds as double)
        end as latency_p95_seconds,
        remediation.usd_per_wrong_answer,
        alternatives.data_residency,
        alternatives.compliance,
        alternatives.availability_risk,
        alternatives.switching_usd
    from measured
    inner join alternatives
        on measured.feature_id = alternatives.feature_id
    inner join months
        on measured.month_start = months.month_start
    left join routes
        on
            alternatives.scenario_id = routes.scenario_id
            and alternatives.alternative_id = routes.alternative_id
            and measured.month_start = routes.month_start
    left join remediation
        on
            alternatives.feature_id = remediation.feature_id
            and months.next_month_start > remediation.valid_from
            and months.next_month_start <= remediation.valid_to

),

-- Below 30 judged answers a rate is no rate.
rated as (

    select
        *,
        case when unpriced_calls = 0 then priced_cost_usd end as cost_usd,
        case when unpriced_calls = 0 then cast(priced_cost_usd as double) / nullif(cast(answers as double), 0) end
            as cost_per_answer_usd,
        cast(correct_answers as double) / nullif(cast(judged_answers as double), 0) as correct_answer_rate,
        case when judged_answers >= 30 then cast(judged_answers as double) / nullif(cast(correct_answers as double), 0) end
            as answers_per_correct_one,
        cast({{ z }} * {{ z }} as double) / nullif(cast(judged_answers as double), 0) as spread
    from costed

),

-- Wilson's interval: half of it is 1.96 standard errors.
spread as (

    select
        *,
        1 + spread as widened,
        cast({{ z }} as double) * sqrt(
            correct_answer_rate * (1 - correct_answer_rate) / nullif(cast(judged_answers as double), 0)
            + spread / nullif(cast(judged_answers as double) * 4, 0)
        ) as half_interval
    from rated

),

-- (cost per answer + (1 - p) x remediation) / p, in sums.
valued as (

    select
        *,
        greatest((correct_answer_rate + spread / 2 - half_interval) / nullif(widened, 0), 0) as correct_answer_rate_low,
        least((correct_answer_rate + spread / 2 + half_interval) / nullif(widened, 0), 1) as correct_answer_rate_high,
        case
            when answers_per_correct_one > 0
                then cast(
                    cost_per_answer_usd * judged_answers
                    + (judged_answers - correct_answers) * cast(usd_per_wrong_answer as double)
                    as double
                ) / nullif(cast(correct_answers as double), 0)
        end as cost_per_correct_answer_usd
    from spread

),

in_place as (

    select
        month_start,
        scenario_id,
        cost_usd,
        cost_per_answer_usd * answers_per_correct_one as correct_usd,
        answers_per_correct_one
    from valued
    where cost_basis = 'measured'

),

compared as (

    select
        valued.*,
        cast(valued.cost_per_answer_usd * valued.answers_per_correct_one - in_place.correct_usd as double)
        / nullif(in_place.answers_per_correct_one - valued.answers_per_correct_one, 0) as equal_at_usd,
        case when in_place.cost_usd > valued.cost_usd then cast(valued.switching_usd as double) end
        * valued.calls / nullif(cast(in_place.cost_usd - valued.cost_usd as double), 0) as break_even_calls,
        count(valued.cost_per_correct_answer_usd) over (partition by valued.month_start, valued.scenario_id) as known,
        row_number() over (
            partition by valued.month_start, valued.scenario_id
            order by valued.cost_per_correct_answer_usd asc nulls last, valued.alternative_order asc nulls last
        ) as place
    from valued
    inner join in_place
        on
            valued.month_start = in_place.month_start
            and valued.scenario_id = in_place.scenario_id

),

final as (

    select
        month_start,
        scenario_id,
        alternative_id,
        alternative_order,
        feature_id,
        answer,
        cost_basis,
        cast(covered_days as integer) as covered_days,
        is_complete,
        calls,
        staying_calls,
        answers,
        unpriced_calls,
        cast(cost_usd as decimal(38, 12)) as cost_usd,
        cost_per_answer_usd,
        correct_answers,
        judged_answers,
        correct_answer_rate,
        correct_answer_rate_low,
        correct_answer_rate_high,
        quality_source,
        cast(usd_per_wrong_answer as decimal(38, 12)) as usd_per_wrong_answer,
        cost_per_correct_answer_usd,
        case when equal_at_usd > 0 then equal_at_usd end as equal_at_usd_per_wrong_answer,
        latency_p95_seconds,
        data_residency,
        compliance,
        availability_risk,
        cast(switching_usd as decimal(38, 12)) as switching_usd,
        break_even_calls,
        known > 1 and place = 1 as is_least_per_correct_answer
    from compared

)

select * from final
