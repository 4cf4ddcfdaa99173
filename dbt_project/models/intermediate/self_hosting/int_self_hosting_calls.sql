with usage as (

    select * from {{ ref('fct_usage') }}
    where
        billing_status not in ('not_billed', 'gateway_cache')
        and {{ is_touched('anything', 'usage_date') }}

),

matches as (

    select * from {{ ref('stg_config__self_hosting_matches') }}

),

keys as (

    select distinct
        model,
        feature_id,
        tenant_id,
        environment,
        host
    from usage

),

matched as (

    select
        keys.model,
        keys.feature_id,
        keys.tenant_id,
        keys.environment,
        keys.host,
        matches.workload_id,
        matches.comparator_id,
        min(matches.workload_order) as workload_order
    from keys
    inner join matches
        on
            (matches.model is null or keys.model = matches.model)
            and (matches.feature_id is null or keys.feature_id = matches.feature_id)
            and (matches.tenant_id is null or keys.tenant_id = matches.tenant_id)
            and (matches.environment is null or keys.environment = matches.environment)
            and (matches.host is null or keys.host = matches.host)
    group by
        keys.model, keys.feature_id, keys.tenant_id, keys.environment, keys.host, matches.workload_id, matches.comparator_id

),

-- A call is the work of one workload, the first that fits; a comparator may look at any calls.
ranked as (

    select
        *,
        row_number() over (
            partition by
                model, feature_id, tenant_id, environment, host,
                case when comparator_id is null then 0 else 1 end
            order by workload_order asc nulls last, comparator_id asc nulls last
        ) as place
    from matched

),

taken as (

    select * from ranked
    where comparator_id is not null or place = 1

),

calls as (

    select
        taken.workload_id,
        taken.comparator_id,
        usage.call_id,
        usage.usage_date,
        usage.started_at,
        cast(date_trunc('month', usage.usage_date) as date) as month_start,
        cast(date_trunc('week', usage.usage_date) as date) as week_start,
        usage.host,
        usage.input_uncached_tokens,
        usage.cache_read_tokens,
        usage.cache_write_5m_tokens,
        usage.cache_write_1h_tokens,
        usage.input_audio_tokens,
        usage.input_image_tokens,
        usage.output_text_tokens,
        usage.reasoning_tokens,
        usage.output_audio_tokens,
        usage.output_image_tokens,
        usage.total_input_tokens,
        usage.total_output_tokens,
        cast(usage.effective_cost_usd as decimal(26, 12)) as effective_cost_usd
    from usage
    inner join taken
        on
            coalesce(usage.model, '') = coalesce(taken.model, '')
            and usage.feature_id = taken.feature_id
            and usage.tenant_id = taken.tenant_id
            and usage.environment = taken.environment
            and usage.host = taken.host

)

select * from calls
