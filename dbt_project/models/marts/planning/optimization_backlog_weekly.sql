{#- By lever: what may suffer, what its number says, how the saving is computed and what that assumes. -#}
{%- set levers = {
    'avoid_retries': [
        'none', 'attempts that were asked again', 'attempts that were asked again of the same model cost nothing',
        'the cause of the retries (timeouts, errors) can be mended',
    ],
    'embedding_refresh': [
        'medium', 'days of the week on which about as much was embedded',
        'what is embedded again and again in the week is embedded on its last day alone',
        'it is the same corpus each time, and a week old is new enough',
    ],
    'free_tier': [
        'medium', 'requests a day that nine in ten days of free users stay within',
        'requests of users of free plans beyond what nine in ten of their days take are not answered',
        'who asks more waits, or pays',
    ],
    'fill_idle_gpus': [
        'medium', 'calls that could wait for own GPUs to idle',
        'calls marked latency_insensitive, of features own GPUs serve too, as many as the tokens a busy second took fit into warm idle ones, where those hours cost less',
        'the own model answers them as well; the GPUs are paid for already, so they cost nothing more',
    ],
    'batch': [
        'low', 'calls that could wait and did not', 'calls marked latency_insensitive, at the price of the batch tier',
        'an answer within 24 hours does',
    ],
    'evaluation_batch': [
        'low', 'calls of evaluations and shadow traffic that did not wait',
        'calls of the purposes eval and shadow, at the price of the batch tier', 'a result within 24 hours does',
    ],
    'prompt_cache': [
        'low', 'share of the input read from the cache today',
        '80 % of the input of prompts from 1,024 tokens on is read from the cache, a tenth of what that adds is written first',
        'four fifths of a prompt are alike from call to call and stand at its beginning',
    ],
    'prompt_growth': [
        'medium', 'by how much prompts are longer than in the shortest of the four weeks before',
        'the mean growth of a prompt is taken off what the cache does not hold',
        'what was added (history, retrieved passages, instructions) does not make answers better',
    ],
    'reasoning_effort': [
        'high', 'calls that reason more than twice what they answer', 'half the reasoning of calls that reason more than twice what they answer',
        'a lower effort answers as well: hold it against an evaluation',
    ],
    'output_cap': [
        'medium', 'tokens that 95 % of the calls end within', 'reasoning and answer end where 95 % of the calls of the feature and model do',
        'what is longer is not needed',
    ],
    'smaller_model': [
        'medium', 'share of its judged answers that were right',
        'the cheapest model that answers the same tasks, judged right at most two points less often, takes the calls as they are',
        'it does so for all of them, in as many tokens: route a share first and watch the rate',
    ],
    'guardrail_model': [
        'high', 'calls it guards elsewhere already', 'the cheapest model that guards another feature takes the calls as they are',
        'it lets through and stops the same: hold it against an evaluation',
    ],
    'other_host': [
        'medium', 'its price of a token in and one out, as a share of what is paid today',
        'the same model bought where the price book has it cheapest for the company: its maker, a cloud or a gateway',
        'quotas, residency and terms of the other path fit, and a commitment to this one does not stand against it',
    ],
    'other_architecture': [
        'high', 'share of its judged answers that were right',
        'the one-model architecture of scenarios.yml whose answers were judged right most often takes the answers in text, without the tokens of the prompt it does not need',
        'your evaluation (30 answers or more) holds for all of them; switching_usd is in no amount: architecture_comparison_monthly says when it is paid back',
    ],
    'idle_gpus': [
        'medium', 'share of the GPU cost in which nothing is computed',
        'the cost of GPU time in which nothing was computed (warm, reserved or given to no deployment), less what fill_idle_gpus fills',
        'GPUs can be returned for the hours they idle',
    ],
    'commit_gpus': [
        'medium', 'share of the committed GPU-hours that are used',
        'the whole GPUs that half of the hours use or more, at committed_usd_per_gpu_hour for every hour, in place of what their use cost',
        'the load stays as long as the commitment; what it does not cover is rented, and returned for the hours it idles',
    ],
} -%}
{#- Levers whose number is that of the calls. -#}
{%- set counted = ['avoid_retries', 'fill_idle_gpus', 'batch', 'evaluation_batch', 'reasoning_effort'] -%}
{%- set keys = ['feature_id', 'service_provider', 'model', 'changed_service_provider', 'changed_model'] -%}
with usage_days as (

    select * from {{ ref('int_usage_files_daily') }}

),

calls as (

    select * from {{ ref('int_savings_calls') }}

),

idle_weeks as (

    select * from {{ ref('int_savings_idle') }}

),

commitments as (

    select * from {{ ref('int_savings_commitments') }}

),

of_calls as (

    select
        week_start,
        lever,
        feature_id,
        current_service_provider as service_provider,
        current_model as model,
        changed_service_provider,
        changed_model,
        count(*) as calls,
        cast(coalesce(sum(current_cost_usd) filter (where changed_cost_usd is not null), 0) as decimal(26, 12)) as current_cost_usd,
        cast(coalesce(sum(changed_cost_usd), 0) as decimal(26, 12)) as changed_cost_usd,
        count(*) filter (where changed_cost_usd is null) as unpriced_calls,
        case when lever = 'smaller_model' then min(evidence_value) else max(evidence_value) end as evidence_value
    from calls
    group by week_start, lever, feature_id, current_service_provider, current_model, changed_service_provider, changed_model

),

latest as (

    select cast(date_trunc('week', max(usage_date)) - interval 21 day as date) as first_week_start
    from usage_days

),

filled as (

    select
        week_start,
        changed_service_provider as service_provider,
        cast(sum(tokens) as bigint) as tokens
    from calls
    where lever = 'fill_idle_gpus'
    group by week_start, changed_service_provider

),

-- hours that are filled cannot be returned
idle as (

    select
        idle_weeks.week_start,
        idle_weeks.service_provider,
        idle_weeks.cost_usd,
        cast(
            idle_weeks.idle_cost_usd
            - coalesce({{ divide_exact('idle_weeks.warm_idle_cost_usd', 'filled.tokens', 'idle_weeks.idle_tokens', weight_places=0) }}, 0)
            as decimal(26, 12)
        ) as idle_cost_usd
    from idle_weeks
    inner join latest
        on idle_weeks.week_start >= latest.first_week_start
    left join filled
        on
            idle_weeks.week_start = filled.week_start
            and idle_weeks.service_provider = filled.service_provider

),

savings as (

    select
        week_start,
        lever,
        {{ keys | join(', ') }},
        calls,
        unpriced_calls,
        current_cost_usd,
        changed_cost_usd,
        case
            when lever in ('{{ counted | join("', '") }}')
                then cast(calls as double)
            else evidence_value
        end as evidence_value
    from of_calls
    union all
    select
        week_start,
        'idle_gpus' as lever,
        'unattributed' as feature_id,
        service_provider,
        'unattributed' as model,
        service_provider as changed_service_provider,
        'unattributed' as changed_model,
        cast(0 as bigint) as calls,
        cast(0 as bigint) as unpriced_calls,
        cost_usd as current_cost_usd,
        cost_usd - idle_cost_usd as changed_cost_usd,
        cast(idle_cost_usd as double) / nullif(cast(cost_usd as double), 0) as evidence_value
    from idle
    union all
    select
        commitments.week_start,
        'commit_gpus' as lever,
        'unattributed' as feature_id,
        commitments.service_provider,
        'unattributed' as model,
        commitments.service_provider as changed_service_provider,
        'unattributed' as changed_model,
        cast(0 as bigint) as calls,
        cast(0 as bigint) as unpriced_calls,
        commitments.covered_cost_usd as current_cost_usd,
        commitments.committed_cost_usd as changed_cost_usd,
        commitments.utilisation as evidence_value
    from commitments
    inner join latest
        on commitments.week_start >= latest.first_week_start

),

described as (

    select
        *,
        {%- for column in ['risk', 'evidence', 'computed_as', 'assumption'] %}
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
