{{ config(materialized='view') }}
with calls as (

    select * from {{ ref('int_usage_calls_deduplicated') }}

),

tenants as (

    select * from {{ ref('stg_config__tenants') }}

),

features as (

    select * from {{ ref('stg_config__features') }}

),

api_keys as (

    select * from {{ ref('stg_config__api_keys') }}

),

teams as (

    select * from {{ ref('stg_config__teams') }}

),

accounts as (

    select * from {{ ref('stg_config__billing_accounts') }}

),

deployments as (

    select * from {{ ref('stg_config__provisioned_deployments') }}

),

own_providers as (

    select distinct service_provider
    from {{ ref('stg_config__gpu_nodes') }}

),

settings as (

    select default_tenant_id
    from {{ ref('stg_config__settings') }}

),

keyed as (

    select
        calls.*,
        api_keys.environment as key_environment,
        nullif(api_keys.tenant_id, '') as key_tenant_id,
        coalesce(nullif(api_keys.team_id, ''), calls.team_id) as resolved_team_id
    from calls
    left join api_keys
        on
            calls.api_key_id = api_keys.api_key_id
            and calls.usage_date >= api_keys.valid_from
            and calls.usage_date < api_keys.valid_to

),

-- In the order of trust: the call's own tag, its key, its team, the tenant that settings name for the rest.
claimed as (

    select
        keyed.*,
        coalesce(keyed.tag_tenant, keyed.key_tenant_id, teams.tenant_id, settings.default_tenant_id) as claimed_tenant_id,
        teams.cost_center as team_cost_center,
        case
            when keyed.tag_tenant is not null then 'tag'
            when keyed.key_tenant_id is not null then 'api_key'
            when teams.tenant_id is not null then 'team'
            when settings.default_tenant_id is not null then 'default'
            else 'none'
        end as claim_method,
        coalesce(accounts.service_provider, keyed.gateway_provider) as service_provider,
        accounts.billing_account_id,
        own_providers.service_provider is not null as is_self_hosted
    from keyed
    left join settings
        on true
    left join teams
        on
            keyed.resolved_team_id = teams.team_id
            and keyed.usage_date >= teams.valid_from
            and keyed.usage_date < teams.valid_to
    left join accounts
        on
            keyed.gateway = accounts.gateway
            and keyed.gateway_provider = accounts.gateway_provider
            and keyed.usage_date >= accounts.valid_from
            and keyed.usage_date < accounts.valid_to
    left join own_providers
        on accounts.service_provider = own_providers.service_provider

),

attributed as (

    select
        claimed.*,
        coalesce(tenants.tenant_id, 'unattributed') as tenant_id,
        coalesce(tenants.plan, 'unattributed') as plan,
        coalesce(claimed.team_cost_center, tenants.cost_center) as cost_center,
        coalesce(features.product_id, claimed.tag_product, 'unattributed') as product_id,
        coalesce(features.feature_id, 'unattributed') as feature_id,
        case when deployments.model_id is not null then 'provisioned' else claimed.logged_tier end as service_tier,
        coalesce(claimed.tag_environment, claimed.key_environment, 'unattributed') as environment,
        case when tenants.tenant_id is null then 'none' else claimed.claim_method end as attribution_method,
        case
            when tenants.tenant_id is not null then null
            when claimed.claimed_tenant_id is not null then 'unknown_tenant'
            when claimed.api_key_id is null then 'no_tag_and_no_key'
            else 'no_tag_and_key_of_no_tenant'
        end as unattributed_reason,
        case
            when claimed.is_self_hosted then 'self_hosted'
            when claimed.gateway_provider = 'bedrock' then 'bedrock'
            when claimed.gateway_provider = 'vertex_ai' then 'vertex'
            when claimed.gateway_provider in ('azure', 'azure_ai') then 'azure'
            else 'direct'
        end as host
    from claimed
    left join tenants
        on claimed.claimed_tenant_id = tenants.tenant_id
    left join features
        on claimed.tag_feature = features.feature_id
    left join deployments
        on
            claimed.service_provider = deployments.service_provider
            and claimed.model_id = deployments.model_id
            and claimed.usage_date >= deployments.valid_from
            and claimed.usage_date < deployments.valid_to

)

select * from attributed
