with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

-- a method is direct where the call itself said whose it is: its tag, its caller's metadata, its key, its team
attributed as (

    select
        week_start,
        coalesce(team_id, 'unattributed') as team_id,
        effective_cost_usd,
        attribution_method,
        attribution_method in ('tag', 'metadata', 'api_key', 'team') as is_direct,
        total_input_tokens + total_output_tokens as tokens,
        pricing_status = 'unpriced' as is_unpriced
    from usage

),

summed as (

    select
        week_start,
        team_id,
        count(*) as calls,
        count(*) filter (where is_direct) as attributed_calls,
        cast(coalesce(sum(effective_cost_usd), 0) as decimal(26, 12)) as cost_usd,
        cast(coalesce(sum(effective_cost_usd) filter (where is_direct), 0) as decimal(26, 12)) as attributed_cost_usd,
        cast(coalesce(sum(effective_cost_usd) filter (where attribution_method = 'none'), 0) as decimal(26, 12))
            as unattributed_cost_usd,
        count(*) filter (where is_unpriced) as unpriced_calls,
        cast(coalesce(sum(tokens) filter (where is_unpriced), 0) as bigint) as unpriced_tokens
    from attributed
    group by week_start, team_id

),

coverage as (

    select
        week_start,
        team_id,
        calls,
        attributed_calls,
        cast(cost_usd as decimal(38, 12)) as cost_usd,
        cast(attributed_cost_usd as decimal(38, 12)) as attributed_cost_usd,
        cast(cost_usd - attributed_cost_usd - unattributed_cost_usd as decimal(38, 12)) as default_cost_usd,
        cast(unattributed_cost_usd as decimal(38, 12)) as unattributed_cost_usd,
        cast(attributed_cost_usd as double) / nullif(cast(cost_usd as double), 0) as attribution_coverage,
        unpriced_calls,
        unpriced_tokens
    from summed

)

select * from coverage
