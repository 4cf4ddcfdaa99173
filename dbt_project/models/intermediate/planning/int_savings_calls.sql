{#- The hit rate the dictionary calls good; of what would be read, one token in ten is first written. -#}
{%- set good_hit_rate = '0.8' -%}
{#- Below this no provider's cache holds a prompt (OpenAI, Anthropic: 1,024 tokens). -#}
{%- set cacheable_tokens = 1024 -%}
{#- A prompt that became a fifth longer than in the shortest of four weeks before. -#}
{%- set growth = 1.2 -%}
{#- A corpus embedded anew: on so many days of a week, the smallest no smaller than this share of the largest. -#}
{%- set refresh_days = 5 -%}
{%- set alike = 0.8 -%}
{#- Below it the dictionary knows no cost of a correct answer. -#}
{%- set judged_answers = 30 -%}
{%- set dropped = ['avoid_retries', 'embedding_refresh', 'free_tier', 'fill_idle_gpus'] -%}
{#- Which of equal savings a call counts for. -#}
{%- set levers = dropped + [
    'batch', 'evaluation_batch', 'prompt_cache', 'prompt_growth', 'reasoning_effort', 'output_cap', 'smaller_model', 'guardrail_model',
    'other_host', 'other_architecture',
] -%}
{%- set in_place = [
    'avoid_retries', 'embedding_refresh', 'free_tier', 'batch', 'evaluation_batch', 'prompt_cache', 'prompt_growth', 'reasoning_effort',
    'output_cap',
] -%}
{%- set unchanged = [
    'input_audio_tokens', 'input_image_tokens', 'output_audio_tokens', 'output_image_tokens', 'cache_write_1h_tokens', 'searches',
    'images', 'audio_seconds', 'video_seconds', 'characters', 'pages', 'cache_storage_token_hours',
] -%}
{%- set place = ['service_provider', 'host', 'region', 'model_id'] -%}
{%- set habit = ['week_start', 'feature_id', 'service_provider', 'model'] -%}
{%- do comes_after('int_savings_weeks') -%}
with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('savings', 'week_start') }}

),

habits as (

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

recent as (

    select
        usage.*,
        habits.hit_rate,
        habits.long_output_tokens,
        habits.mean_input_tokens,
        habits.earlier_input_tokens
    from usage
    inner join habits
        on
            usage.week_start = habits.week_start
            and usage.feature_id = habits.feature_id
            and usage.service_provider = habits.service_provider
            and usage.model = habits.model
    where usage.pricing_status = 'priced'

),

batch_prices as (

    select
        {{ place | join(', ') }},
        usage_date
    from price_keys
    where
        service_tier = 'batch'
        and window_start_second = 0
        and price_set_id is not null

),

-- what a feature embeds a day, where nobody waits for it
embedded as (

    select
        {{ habit | join(', ') }},
        usage_date,
        cast(sum(total_input_tokens) as bigint) as tokens
    from recent
    where
        purpose = 'embed'
        and latency_insensitive
    group by {{ habit | join(', ') }}, usage_date

),

refreshed as (

    select
        {{ habit | join(', ') }},
        max(usage_date) as last_date,
        count(*) as days
    from embedded
    group by {{ habit | join(', ') }}
    having
        count(*) >= {{ refresh_days }}
        and cast(min(tokens) as double) >= {{ alike }} * cast(max(tokens) as double)

),

-- what a free user asks in a day, however often it was tried; calls that do not say who asked are of nobody's day
free_requests as (

    select
        recent.logical_request_id,
        recent.week_start,
        recent.product_id,
        row_number() over (
            partition by recent.tenant_id, recent.user_key, recent.product_id, recent.usage_date
            order by recent.started_at asc nulls last, recent.call_id asc nulls last
        ) as request_number,
        count(*) over (partition by recent.tenant_id, recent.user_key, recent.product_id, recent.usage_date) as requests_of_day
    from recent
    inner join tenants
        on
            recent.tenant_id = tenants.tenant_id
            and tenants.is_free_plan
    where
        recent.purpose = 'serve'
        and recent.user_key is not null
        and recent.is_last_attempt

),

-- of users' days, one in ten is longer
free_days as (

    select
        week_start,
        product_id,
        percentile_cont(0.9) within group (order by requests_of_day asc) as usual_requests
    from free_requests
    where request_number = 1
    group by week_start, product_id

),

beyond_usual as (

    select
        free_requests.week_start,
        free_requests.logical_request_id,
        free_days.usual_requests
    from free_requests
    inner join free_days
        on
            free_requests.week_start = free_days.week_start
            and free_requests.product_id = free_days.product_id
            and free_requests.request_number > free_days.usual_requests

),

-- the own model that serves most of a feature; which of equals is by name
own as (

    select
        week_start,
        feature_id,
        model,
        {{ place | join(', ') }},
        row_number() over (
            partition by week_start, feature_id
            order by
                count(*) desc nulls last,
                model asc nulls last,
                {{ place | join(' asc nulls last, ') }} asc nulls last
        ) as own_rank
    from usage
    where pricing_status = 'self_hosted'
    group by week_start, feature_id, model, {{ place | join(', ') }}

),

-- what can wait and costs more where it is than the idle hours that its tokens would fill
filling as (

    select
        recent.call_id,
        {%- for name in place %}
        own.{{ name }},
        {%- endfor %}
        own.model,
        idle.idle_tokens,
        cast(sum(recent.total_input_tokens + recent.total_output_tokens) over (
            partition by recent.week_start, own.service_provider
            order by recent.call_id asc nulls last
            rows between unbounded preceding and current row
        ) as bigint) as filled_tokens
    from recent
    inner join own
        on
            recent.week_start = own.week_start
            and recent.feature_id = own.feature_id
            and own.own_rank = 1
    inner join idle
        on
            own.week_start = idle.week_start
            and own.service_provider = idle.service_provider
    where
        recent.latency_insensitive
        and recent.service_tier = 'standard'
        -- as wide as both engines multiply exactly
        and cast(recent.contracted_cost_usd as decimal(18, 12)) * cast(idle.idle_tokens as decimal(19, 0))
        > idle.warm_idle_cost_usd * cast(recent.total_input_tokens + recent.total_output_tokens as decimal(11, 0))

),

-- the architecture of a feature whose answers were judged right most often, where one model does all of its work
judged as (

    select
        scenarios.feature_id,
        scenario_models.service_provider,
        scenario_models.model_id,
        scenario_models.fewer_input_tokens,
        cast(scenarios.correct_answers as double) / nullif(cast(scenarios.judged_answers as double), 0) as correct_answer_rate,
        row_number() over (
            partition by scenarios.feature_id
            order by
                cast(scenarios.correct_answers as double) / nullif(cast(scenarios.judged_answers as double), 0) desc nulls last,
                scenarios.scenario_id asc nulls last,
                scenarios.alternative_order asc nulls last
        ) as judged_rank
    from scenarios
    inner join scenario_models
        on
            scenarios.scenario_id = scenario_models.scenario_id
            and scenarios.alternative_id = scenario_models.alternative_id
            and scenario_models.share = 1
    where scenarios.judged_answers >= {{ judged_answers }}

),

served_elsewhere as (

    select
        recent.*,
        models.lever,
        models.evidence_value,
        {%- for name in place %}
        models.other_{{ name }} as left_{{ name }},
        {%- endfor %}
        cast(null as {{ dbt.type_string() }}) as own_model,
        cast(0 as bigint) as fewer_input_tokens
    from recent
    inner join models
        on
            recent.week_start = models.week_start
            and recent.feature_id = models.feature_id
            and coalesce(recent.task_type, '') = coalesce(models.task_type, '')
            and recent.purpose = models.purpose
            {%- for name in place %}
            and recent.{{ name }} = models.{{ name }}
            {%- endfor %}
    where recent.service_tier = 'standard'
    union all
    select
        recent.*,
        'fill_idle_gpus' as lever,
        cast(null as double) as evidence_value,
        {%- for name in place %}
        filling.{{ name }} as left_{{ name }},
        {%- endfor %}
        filling.model as own_model,
        cast(0 as bigint) as fewer_input_tokens
    from recent
    inner join filling
        on
            recent.call_id = filling.call_id
            and filling.filled_tokens <= filling.idle_tokens
    union all
    select
        recent.*,
        'other_architecture' as lever,
        judged.correct_answer_rate as evidence_value,
        judged.service_provider as left_service_provider,
        'direct' as left_host,
        'unknown' as left_region,
        judged.model_id as left_model_id,
        cast(null as {{ dbt.type_string() }}) as own_model,
        judged.fewer_input_tokens
    from recent
    inner join judged
        on
            recent.feature_id = judged.feature_id
            and judged.judged_rank = 1
    where
        recent.service_tier = 'standard'
        and recent.billing_status = 'billed'
        and recent.purpose = 'serve'
        and {{ answers_in_text('recent') }}

),

in_place as (

    {%- for lever in in_place %}
    select '{{ lever }}' as lever
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

-- each call beside each lever that leaves it where it is
served_in_place as (

    select
        recent.*,
        in_place.lever,
        case in_place.lever
            when 'embedding_refresh' then cast(refreshed.days as double)
            when 'free_tier' then cast(beyond_usual.usual_requests as double)
            when 'prompt_cache' then recent.hit_rate
            when 'prompt_growth'
                then cast(recent.mean_input_tokens as double) / nullif(cast(recent.earlier_input_tokens as double), 0) - 1
            when 'output_cap' then cast(recent.long_output_tokens as double)
        end as evidence_value,
        {%- for name in place %}
        recent.{{ name }} as left_{{ name }},
        {%- endfor %}
        cast(null as {{ dbt.type_string() }}) as own_model,
        cast(0 as bigint) as fewer_input_tokens
    from recent
    left join refreshed
        on
            recent.usage_date < refreshed.last_date
            {%- for name in habit %}
            and recent.{{ name }} = refreshed.{{ name }}
            {%- endfor %}
    left join beyond_usual
        on
            recent.logical_request_id = beyond_usual.logical_request_id
            and recent.week_start = beyond_usual.week_start
    left join batch_prices
        on
            recent.usage_date = batch_prices.usage_date
            {%- for name in place %}
            and recent.{{ name }} = batch_prices.{{ name }}
            {%- endfor %}
    cross join in_place
    where
        case in_place.lever
            when 'avoid_retries' then recent.superseded_as = 'retry'
            when 'embedding_refresh' then refreshed.days is not null and recent.purpose = 'embed' and recent.latency_insensitive
            when 'free_tier' then beyond_usual.usual_requests is not null
            when 'batch' then batch_prices.usage_date is not null and recent.service_tier = 'standard' and recent.latency_insensitive
            when 'evaluation_batch'
                then
                    batch_prices.usage_date is not null
                    and recent.service_tier = 'standard'
                    and not recent.latency_insensitive
                    and recent.purpose in ('eval', 'shadow')
            when 'prompt_cache'
                then
                    recent.has_prompt_cache
                    and recent.total_input_tokens >= {{ cacheable_tokens }}
                    and recent.hit_rate < {{ good_hit_rate }}
                    and recent.cache_read_tokens < recent.total_input_tokens * {{ good_hit_rate }}
            when 'prompt_growth'
                then recent.mean_input_tokens >= {{ growth }} * recent.earlier_input_tokens and recent.earlier_input_tokens > 0
            when 'reasoning_effort' then recent.reasoning_tokens > 2 * recent.output_text_tokens
            when 'output_cap' then recent.reasoning_tokens + recent.output_text_tokens > recent.long_output_tokens
        end

),

applied as (

    select * from served_in_place
    union all
    select * from served_elsewhere

),

levers as (

    select
        *,
        case
            when lever = 'prompt_cache'
                then
                    least(
                        input_uncached_tokens,
                        cast(floor(total_input_tokens * cast({{ good_hit_rate }} as decimal(2, 1))) as bigint) - cache_read_tokens
                    )
            else 0
        end as newly_cached_tokens,
        case
            when lever = 'prompt_growth' then least(input_uncached_tokens, mean_input_tokens - earlier_input_tokens)
            when lever = 'other_architecture' then {{ cut_uncached_tokens('fewer_input_tokens', 'applied') }}
            else 0
        end as cut_input_tokens,
        case
            when lever = 'other_architecture' then {{ cut_cached_tokens('fewer_input_tokens', 'applied') }}
            else 0
        end as cut_cached_tokens,
        case
            when lever = 'reasoning_effort' then cast(floor(reasoning_tokens * 0.5) as bigint)
            when lever = 'output_cap' then least(reasoning_tokens, long_output_tokens)
            else reasoning_tokens
        end as left_reasoning_tokens
    from applied

),

-- one in ten of them is written, whatever a tenth is cut to
written as (

    select
        *,
        cast(ceil(newly_cached_tokens * 0.1) as bigint) as newly_written_tokens,
        case
            when lever = 'output_cap' then least(output_text_tokens, long_output_tokens - left_reasoning_tokens)
            else output_text_tokens
        end as left_output_text_tokens
    from levers

),

changed as (

    select
        week_start,
        tenant_id,
        product_id,
        feature_id,
        lever,
        evidence_value,
        service_provider as current_service_provider,
        model as current_model,
        own_model,
        contracted_cost_usd as current_cost_usd,
        call_id as response_id,
        left_service_provider as service_provider,
        left_host as host,
        left_region as region,
        left_model_id as model_id,
        usage_date,
        started_at,
        operation,
        reported_cost_usd,
        case when lever in ('batch', 'evaluation_batch') then 'batch' else service_tier end as service_tier,
        case
            when lever in ('{{ dropped | join("', '") }}') then 'not_billed'
            else billing_status
        end as billing_status,
        input_uncached_tokens - newly_cached_tokens - cut_input_tokens as input_uncached_tokens,
        cache_read_tokens + newly_cached_tokens - newly_written_tokens - cut_cached_tokens as cache_read_tokens,
        cache_write_5m_tokens + newly_written_tokens as cache_write_5m_tokens,
        left_reasoning_tokens as reasoning_tokens,
        left_output_text_tokens as output_text_tokens,
        total_output_tokens - reasoning_tokens - output_text_tokens + left_reasoning_tokens + left_output_text_tokens
            as total_output_tokens,
        total_input_tokens - cut_input_tokens - cut_cached_tokens as total_input_tokens,
        {{ unchanged | join(', ') }}
    from written

),

priced as (

    select *
    from (
        {{ calls_priced('changed', ref('stg_pricing__price_keys'), ref('stg_pricing__price_sets')) | indent(8) }}
    ) as calls

),

-- a call counts for the lever that saves most, so savings add up
ranked as (

    select
        *,
        row_number() over (
            partition by response_id
            order by
                cast(current_cost_usd as decimal(26, 12)) - contracted_cost_usd desc nulls last,
                case lever
                    {%- for lever in levers %}
                    when '{{ lever }}' then {{ loop.index }}
                    {%- endfor %}
                end asc nulls last
        ) as lever_rank
    from priced

),

best as (

    select
        response_id as call_id,
        week_start,
        tenant_id,
        product_id,
        feature_id,
        lever,
        evidence_value,
        current_service_provider,
        current_model,
        service_provider as changed_service_provider,
        coalesce(own_model, model) as changed_model,
        total_input_tokens + total_output_tokens as tokens,
        current_cost_usd,
        contracted_cost_usd as changed_cost_usd
    from ranked
    where lever_rank = 1

)

select * from best
