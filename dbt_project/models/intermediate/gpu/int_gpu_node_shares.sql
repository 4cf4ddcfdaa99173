with node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

deployments as (

    select * from {{ ref('stg_config__gpu_deployments') }}

),

slices_bound as (

    select * from {{ ref('int_gpu_slices_bound') }}

),

-- Millionths of a GPU, so that shares of a node are whole numbers.
served as (

    select
        node_days.usage_date,
        node_days.node_id,
        node_days.service_provider,
        node_days.billing_account_id,
        deployments.model,
        deployments.is_bound,
        case
            when deployments.gpus is null and not deployments.is_bound then 'whole'
            else deployments.deployment_id
        end as share_id,
        case
            when deployments.gpus is null and not deployments.is_bound then node_days.node_id
            else node_days.node_id || '/' || deployments.deployment_id
        end as place_id,
        cast(deployments.gpus * 1000000 as bigint) as given_millionths
    from node_days
    inner join deployments
        on
            node_days.node_id = deployments.node_id
            and node_days.usage_date >= deployments.valid_from
            and node_days.usage_date < deployments.valid_to

),

-- Nodes that serve the same model are one pool: no log says which of them answered a call. Twice, so that nodes which
-- share no model but a neighbour come together too. What a deployment is given of a node is a place of its own.
model_pools as (

    select
        *,
        min(place_id) over (partition by usage_date, service_provider, billing_account_id, model) as model_pool_id
    from served

),

node_pools as (

    select
        *,
        min(model_pool_id) over (partition by usage_date, place_id) as node_pool_id
    from model_pools

),

wider_model_pools as (

    select
        *,
        min(node_pool_id) over (partition by usage_date, service_provider, billing_account_id, model) as wider_pool_id
    from node_pools

),

places as (

    select
        usage_date,
        node_id,
        share_id,
        is_bound,
        max(given_millionths) as given_millionths,
        min(wider_pool_id) as pool_id
    from wider_model_pools
    group by usage_date, node_id, share_id, is_bound

),

placed as (

    select
        *,
        cast(
            sum(given_millionths) over (
                partition by usage_date, node_id
                order by share_id asc nulls last
                rows between unbounded preceding and current row
            ) as bigint
        ) as ends_at
    from places
    where given_millionths is not null

),

bound_given as (

    select
        usage_date,
        node_id,
        deployment_id,
        cast(sum({{ divide_exact('1000000', 'ends_at - begins_at', 'total_slices', 0, 0) }}) as bigint) as given_millionths
    from slices_bound
    group by usage_date, node_id, deployment_id

),

bound as (

    select
        places.usage_date,
        places.node_id,
        places.share_id,
        places.pool_id,
        coalesce(bound_given.given_millionths, 0) as given_millionths,
        cast(
            sum(coalesce(bound_given.given_millionths, 0)) over (
                partition by places.usage_date, places.node_id
                order by places.share_id asc nulls last
                rows between unbounded preceding and current row
            ) as bigint
        ) as ends_at
    from places
    left join bound_given
        on
            places.usage_date = bound_given.usage_date
            and places.node_id = bound_given.node_id
            and places.share_id = bound_given.deployment_id
    where places.is_bound

),

bound_days as (

    select
        usage_date,
        node_id,
        max(ends_at) as given_millionths
    from bound
    group by usage_date, node_id

),

totals as (

    select
        usage_date,
        node_id,
        cast(sum(given_millionths) as bigint) as given_millionths
    from placed
    group by usage_date, node_id

),

-- A node of which more is given than there is, is shared by what is given: that is all that is paid for.
shares as (

    select
        placed.usage_date,
        placed.node_id,
        placed.share_id,
        placed.pool_id,
        placed.ends_at - placed.given_millionths as begins_at,
        placed.ends_at,
        cast(greatest(totals.given_millionths, node_days.gpus * 1000000) as bigint) as total_millionths,
        cast(0 as bigint) as oversubscribed_millionths,
        false as is_bound
    from placed
    inner join totals
        on
            placed.usage_date = totals.usage_date
            and placed.node_id = totals.node_id
    inner join node_days
        on
            placed.usage_date = node_days.usage_date
            and placed.node_id = node_days.node_id

    union all

    select
        node_days.usage_date,
        node_days.node_id,
        'free' as share_id,
        node_days.node_id as pool_id,
        totals.given_millionths as begins_at,
        cast(node_days.gpus * 1000000 as bigint) as ends_at,
        cast(node_days.gpus * 1000000 as bigint) as total_millionths,
        cast(0 as bigint) as oversubscribed_millionths,
        false as is_bound
    from node_days
    inner join totals
        on
            node_days.usage_date = totals.usage_date
            and node_days.node_id = totals.node_id
            and node_days.gpus * 1000000 > totals.given_millionths

    union all

    select
        node_days.usage_date,
        node_days.node_id,
        'oversubscribed' as share_id,
        node_days.node_id as pool_id,
        totals.given_millionths as begins_at,
        totals.given_millionths as ends_at,
        totals.given_millionths as total_millionths,
        cast(totals.given_millionths - node_days.gpus * 1000000 as bigint) as oversubscribed_millionths,
        false as is_bound
    from node_days
    inner join totals
        on
            node_days.usage_date = totals.usage_date
            and node_days.node_id = totals.node_id
            and node_days.gpus * 1000000 < totals.given_millionths

    union all

    select
        node_days.usage_date,
        node_days.node_id,
        'whole' as share_id,
        coalesce(places.pool_id, node_days.node_id) as pool_id,
        cast(0 as bigint) as begins_at,
        cast(1 as bigint) as ends_at,
        cast(1 as bigint) as total_millionths,
        cast(0 as bigint) as oversubscribed_millionths,
        false as is_bound
    from node_days
    left join bound_days
        on
            node_days.usage_date = bound_days.usage_date
            and node_days.node_id = bound_days.node_id
    left join totals
        on
            node_days.usage_date = totals.usage_date
            and node_days.node_id = totals.node_id
    left join places
        on
            node_days.usage_date = places.usage_date
            and node_days.node_id = places.node_id
            and places.share_id = 'whole'
    where totals.node_id is null and bound_days.node_id is null

    union all

    select
        bound_days.usage_date,
        bound_days.node_id,
        'unbound' as share_id,
        bound_days.node_id as pool_id,
        bound_days.given_millionths as begins_at,
        cast(node_days.gpus * 1000000 as bigint) as ends_at,
        cast(node_days.gpus * 1000000 as bigint) as total_millionths,
        cast(0 as bigint) as oversubscribed_millionths,
        true as is_bound
    from bound_days
    inner join node_days
        on
            bound_days.usage_date = node_days.usage_date
            and bound_days.node_id = node_days.node_id

    union all

    select
        bound.usage_date,
        bound.node_id,
        bound.share_id,
        bound.pool_id,
        bound.ends_at - bound.given_millionths as begins_at,
        bound.ends_at,
        cast(node_days.gpus * 1000000 as bigint) as total_millionths,
        cast(0 as bigint) as oversubscribed_millionths,
        true as is_bound
    from bound
    inner join node_days
        on
            bound.usage_date = node_days.usage_date
            and bound.node_id = node_days.node_id

)

select * from shares
