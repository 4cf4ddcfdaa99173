with openai as (

    select
        'openai' as service_provider,
        billing_account_id, billing_scope_id, usage_date, bucket_end, retrieved_at, model_id, line_item,
        {{ billed_tier("'openai'", 'service_tier') }} as service_tier,
        meter, 'usage' as charge_category, amount, cast(null as decimal(26, 12)) as effective_amount,
        currency, cast(null as timestamp) as charge_start, cast(null as timestamp) as charge_end,
        cast(null as {{ dbt.type_string() }}) as resource_id, cast(null as decimal(26, 6)) as resource_hours,
        cast(null as decimal(26, 6)) as gpu_hours, cast(null as {{ dbt.type_string() }}) as tags, file_hash, row_number
    from {{ ref('stg_openai__costs') }}

),

anthropic as (

    select
        'anthropic' as service_provider,
        billing_account_id, billing_scope_id, usage_date, bucket_end, retrieved_at, model_id, line_item,
        {{ billed_tier("'anthropic'", 'service_tier') }} as service_tier,
        meter, 'usage' as charge_category, amount, cast(null as decimal(26, 12)) as effective_amount,
        currency, cast(null as timestamp) as charge_start, cast(null as timestamp) as charge_end,
        cast(null as {{ dbt.type_string() }}) as resource_id, cast(null as decimal(26, 6)) as resource_hours,
        cast(null as decimal(26, 6)) as gpu_hours, cast(null as {{ dbt.type_string() }}) as tags, file_hash, row_number
    from {{ ref('stg_anthropic__cost_report') }}

),
{%- for feed in cloud_bills() %}

{{ feed }} as (

    select
        service_provider,
        billing_account_id, billing_scope_id, usage_date, bucket_end, retrieved_at, model_id, line_item,
        {{ billed_tier('service_provider', 'service_tier') }} as service_tier,
        meter, charge_category, amount, effective_amount, currency, charge_start, charge_end,
        resource_id, resource_hours, gpu_hours, tags, file_hash, row_number
    from {{ ref('stg_' ~ feed ~ '__bill_lines') }}

),
{%- endfor %}

rates as (

    select * from {{ ref('int_fx_rates_monthly') }}

),

aliases as (

    select * from {{ ref('stg_pricing__model_aliases') }}

),

accounts as (

    select
        service_provider,
        billing_account_id,
        max(settlement_lag_days) as settlement_lag_days
    from {{ ref('stg_config__billing_accounts') }}
    group by service_provider, billing_account_id

),

lines as (

    select * from openai
    union all
    select * from anthropic
    {%- for feed in cloud_bills() %}
    union all
    select * from {{ feed }}
    {%- endfor %}

),

-- A search line names no model, so searches are anchored over the account's day.
named as (

    select
        lines.*,
        {%- for name in ['amount', 'effective_amount'] %}
        case
            when lines.currency = 'USD' then lines.{{ name }}
            else cast(cast(lines.{{ name }} as decimal(22, 12)) * rates.usd_per_unit as decimal(26, 12))
        end as {{ name }}_usd,
        {%- endfor %}
        case
            when lines.meter in ('search', 'claude_consumption_unit', 'other') then 'unattributed'
            else coalesce(aliases.model, lines.model_id, 'unattributed')
        end as model,
        'bill:' || lines.file_hash || ':' || cast(lines.row_number as {{ dbt.type_string() }}) as bill_line_id,
        lines.retrieved_at >= {{ dbt.dateadd('day', 'coalesce(accounts.settlement_lag_days, 0)', 'lines.bucket_end') }} as is_final
    from lines
    left join rates
        on
            lines.currency = rates.currency
            and cast(date_trunc('month', lines.usage_date) as date) = rates.service_month
    left join aliases
        on
            lines.service_provider = aliases.service_provider
            and lines.model_id = aliases.model_id
    left join accounts
        on
            lines.service_provider = accounts.service_provider
            and lines.billing_account_id = accounts.billing_account_id

)

select * from named
