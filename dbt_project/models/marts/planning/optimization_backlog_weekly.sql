{#- By lever: what may suffer, how the saving is computed and what that assumes. -#}
{%- set levers = {
    'avoid_retries': [
        'none', 'attempts that were asked again of the same model cost nothing',
        'the cause of the retries (timeouts, errors) can be mended',
    ],
    'batch': [
        'low', 'calls marked latency_insensitive, at the price of the batch tier',
        'an answer within 24 hours does',
    ],
    'prompt_cache': [
        'low', '80 % of the input of prompts from 1,024 tokens on is read from the cache, a tenth of what that adds is written first',
        'four fifths of a prompt are alike from call to call and stand at its beginning',
    ],
    'reasoning_effort': [
        'high', 'half the reasoning of calls that reason more than twice what they answer',
        'a lower effort answers as well: hold it against an evaluation',
    ],
    'output_cap': [
        'medium', 'reasoning and answer end where 95 % of the calls of the feature and model do',
        'what is longer is not needed',
    ],
    'idle_gpus': [
        'medium', 'the cost of GPU time in which nothing was computed: warm, reserved or given to no deployment',
        'GPUs can be returned for the hours they idle, or take batch work that is paid for elsewhere',
    ],
} -%}
{%- set keys = ['feature_id', 'service_provider', 'model'] -%}
with calls as (

    select * from {{ ref('int_savings_calls') }}

),

gpu_hours as (

    select * from {{ ref('gpu_cost_hourly') }}

),

of_calls as (

    select
        week_start,
        lever,
        feature_id,
        service_provider,
        current_model as model,
        count(*) as calls,
        cast(coalesce(sum(current_cost_usd) filter (where contracted_cost_usd is not null), 0) as decimal(26, 12)) as current_cost_usd,
        cast(coalesce(sum(contracted_cost_usd), 0) as decimal(26, 12)) as changed_cost_usd,
        count(*) filter (where contracted_cost_usd is null) as unpriced_calls,
        max(hit_rate) as hit_rate,
        max(long_output_tokens) as long_output_tokens
    from calls
    group by week_start, lever, feature_id, service_provider, current_model

),

latest as (

    select cast(date_trunc('week', max(usage_date)) - interval 21 day as date) as first_week_start
    from gpu_hours

),

idle as (

    select
        cast(date_trunc('week', gpu_hours.usage_date) as date) as week_start,
        gpu_hours.service_provider,
        cast(sum(gpu_hours.cost_usd) as decimal(26, 12)) as cost_usd,
        cast(
            sum(gpu_hours.warm_idle_cost_usd + gpu_hours.reserved_unused_cost_usd + gpu_hours.unallocated_cost_usd)
            as decimal(26, 12)
        ) as idle_cost_usd
    from gpu_hours
    inner join latest
        on gpu_hours.usage_date >= latest.first_week_start
    group by cast(date_trunc('week', gpu_hours.usage_date) as date), gpu_hours.service_provider

),

savings as (

    select
        week_start,
        lever,
        feature_id,
        service_provider,
        model,
        calls,
        unpriced_calls,
        current_cost_usd,
        changed_cost_usd,
        case lever
            when 'prompt_cache' then 'share of the input read from the cache today'
            when 'output_cap' then 'tokens that 95 % of the calls end within'
            when 'avoid_retries' then 'attempts that were asked again'
            when 'batch' then 'calls that could wait and did not'
            else 'calls that reason more than twice what they answer'
        end as evidence,
        case lever
            when 'prompt_cache' then hit_rate
            when 'output_cap' then cast(long_output_tokens as double)
            else cast(calls as double)
        end as evidence_value
    from of_calls
    union all
    select
        week_start,
        'idle_gpus' as lever,
        'unattributed' as feature_id,
        service_provider,
        'unattributed' as model,
        cast(0 as bigint) as calls,
        cast(0 as bigint) as unpriced_calls,
        cost_usd as current_cost_usd,
        cost_usd - idle_cost_usd as changed_cost_usd,
        'share of the GPU cost in which nothing is computed' as evidence,
        cast(idle_cost_usd as double) / nullif(cast(cost_usd as double), 0) as evidence_value
    from idle

),

described as (

    select
        *,
        {%- for column in ['risk', 'computed_as', 'assumption'] %}
        {%- set part = loop.index0 %}
        case lever
            {%- for lever, parts in levers.items() %}
            when '{{ lever }}' then '{{ parts[part] }}'
            {%- endfor %}
        end as {{ column }},
        {%- endfor %}
        current_cost_usd - changed_cost_usd as saving_usd
    from savings

),

ranked as (

    select
        week_start,
        cast(row_number() over (
            partition by week_start
            order by saving_usd desc nulls last, lever asc nulls last, {{ keys | join(' asc nulls last, ') }} asc nulls last
        ) as integer) as saving_rank,
        lever,
        {{ keys | join(', ') }},
        calls,
        cast(current_cost_usd as decimal(38, 12)) as current_cost_usd,
        cast(changed_cost_usd as decimal(38, 12)) as changed_cost_usd,
        cast(saving_usd as decimal(38, 12)) as saving_usd,
        risk,
        evidence,
        evidence_value,
        computed_as,
        assumption,
        unpriced_calls
    from described
    where saving_usd > 0

)

select * from ranked
