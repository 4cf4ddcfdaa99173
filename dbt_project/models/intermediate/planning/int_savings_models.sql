{#- Weeks up to the one that is looked at: of calls, and of judged answers; how many of these of each model, and by how much fewer
    may be right: two points are within what 200 can tell. -#}
{%- set weeks_used = 4 -%}
{%- set weeks_judged = 8 -%}
{%- set judged = 200 -%}
{%- set points = 0.02 -%}
{%- set place = ['service_provider', 'host', 'region', 'model_id'] -%}
with uses as (

    select * from {{ ref('int_savings_uses') }}

),

habits as (

    select * from {{ ref('int_savings_habits') }}

),

answers as (

    select * from {{ ref('int_savings_answers') }}

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

used as (

    select
        weeks.week_start,
        uses.feature_id,
        uses.task_type,
        uses.purpose,
        uses.{{ place | join(', uses.') }},
        uses.model,
        cast(sum(uses.calls) as bigint) as calls,
        max(uses.last_date) as last_date
    from weeks
    inner join uses
        on
            weeks.week_start >= uses.week_start
            and weeks.week_start - interval {{ 7 * (weeks_used - 1) }} day <= uses.week_start
    group by
        weeks.week_start,
        uses.feature_id,
        uses.task_type,
        uses.purpose,
        uses.{{ place | join(', uses.') }},
        uses.model

),

rates as (

    select
        weeks.week_start,
        answers.feature_id,
        answers.task_type,
        answers.model,
        cast(sum(answers.judged_answers) as bigint) as judged_answers,
        cast(sum(answers.correct_answers) as double) / nullif(cast(sum(answers.judged_answers) as double), 0) as correct_answer_rate
    from weeks
    inner join answers
        on
            weeks.week_start >= answers.week_start
            and weeks.week_start - interval {{ 7 * (weeks_judged - 1) }} day <= answers.week_start
    group by weeks.week_start, answers.feature_id, answers.task_type, answers.model

),

prices as (

    select
        price_keys.{{ place | join(', price_keys.') }},
        price_keys.usage_date,
        price_keys.common_model,
        price_sets.contracted_input_uncached_per_mtok_usd as input_usd,
        price_sets.contracted_output_per_mtok_usd as output_usd
    from price_keys
    inner join price_sets
        on
            price_keys.price_set_id = price_sets.price_set_id
            and price_sets.context_tier = 0
    where
        price_keys.service_tier = 'standard'
        and price_keys.window_start_second = 0

),

priced as (

    select
        used.*,
        prices.common_model,
        prices.input_usd,
        prices.output_usd
    from used
    inner join prices
        on
            used.service_provider = prices.service_provider
            and used.host = prices.host
            and used.region = prices.region
            and used.model_id = prices.model_id
            and used.last_date = prices.usage_date

),

-- what answers the same tasks of the feature about as often right
smaller as (

    select
        priced.week_start,
        'smaller_model' as lever,
        priced.feature_id,
        priced.task_type,
        priced.purpose,
        priced.{{ place | join(', priced.') }},
        others.service_provider as other_service_provider,
        others.host as other_host,
        others.region as other_region,
        others.model_id as other_model_id,
        others.input_usd,
        others.output_usd,
        other_rates.correct_answer_rate as evidence_value
    from priced
    inner join priced as others
        on
            priced.week_start = others.week_start
            and priced.feature_id = others.feature_id
            and priced.task_type = others.task_type
            and priced.purpose = others.purpose
            and priced.model <> others.model
            and others.input_usd <= priced.input_usd
            and others.output_usd <= priced.output_usd
            and others.input_usd + others.output_usd < priced.input_usd + priced.output_usd
    inner join rates
        on
            priced.week_start = rates.week_start
            and priced.feature_id = rates.feature_id
            and priced.task_type = rates.task_type
            and priced.model = rates.model
            and rates.judged_answers >= {{ judged }}
    inner join rates as other_rates
        on
            others.week_start = other_rates.week_start
            and others.feature_id = other_rates.feature_id
            and others.task_type = other_rates.task_type
            and others.model = other_rates.model
            and other_rates.judged_answers >= {{ judged }}
            and other_rates.correct_answer_rate >= rates.correct_answer_rate - {{ points }}

),

-- what guards another feature
guarding as (

    select
        priced.week_start,
        'guardrail_model' as lever,
        priced.feature_id,
        priced.task_type,
        priced.purpose,
        priced.{{ place | join(', priced.') }},
        others.service_provider as other_service_provider,
        others.host as other_host,
        others.region as other_region,
        others.model_id as other_model_id,
        others.input_usd,
        others.output_usd,
        cast(others.calls as double) as evidence_value
    from priced
    inner join priced as others
        on
            priced.week_start = others.week_start
            and priced.purpose = others.purpose
            and priced.feature_id <> others.feature_id
            and priced.model <> others.model
            and others.input_usd <= priced.input_usd
            and others.output_usd <= priced.output_usd
            and others.input_usd + others.output_usd < priced.input_usd + priced.output_usd
    where priced.purpose = 'guardrail'

),

-- the same model bought another way
elsewhere as (

    select
        priced.week_start,
        'other_host' as lever,
        priced.feature_id,
        priced.task_type,
        priced.purpose,
        priced.{{ place | join(', priced.') }},
        prices.service_provider as other_service_provider,
        prices.host as other_host,
        prices.region as other_region,
        prices.model_id as other_model_id,
        prices.input_usd,
        prices.output_usd,
        cast(prices.input_usd + prices.output_usd as double) / nullif(cast(priced.input_usd + priced.output_usd as double), 0)
            as evidence_value
    from priced
    inner join prices
        on
            priced.common_model = prices.common_model
            and priced.last_date = prices.usage_date
            and (priced.service_provider <> prices.service_provider or priced.model_id <> prices.model_id)
            and prices.input_usd <= priced.input_usd
            and prices.output_usd <= priced.output_usd
            and prices.input_usd + prices.output_usd < priced.input_usd + priced.output_usd

),

others as (

    select * from smaller
    union all
    select * from guarding
    union all
    select * from elsewhere

),

-- the cheapest; which of equals is by name
ranked as (

    select
        *,
        row_number() over (
            partition by week_start, lever, feature_id, task_type, purpose, {{ place | join(', ') }}
            order by
                input_usd + output_usd asc nulls last,
                other_service_provider asc nulls last,
                other_model_id asc nulls last,
                other_host asc nulls last,
                other_region asc nulls last
        ) as other_rank
    from others

),

cheapest as (

    select
        week_start,
        lever,
        feature_id,
        task_type,
        purpose,
        {{ place | join(', ') }},
        other_service_provider,
        other_host,
        other_region,
        other_model_id,
        evidence_value
    from ranked
    where other_rank = 1

)

select * from cheapest
