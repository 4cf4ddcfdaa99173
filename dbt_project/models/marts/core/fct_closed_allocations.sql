{#- What describes a posting, apart from its key, its period, its day and its amounts. -#}
{%- set described = [
    'charge_id', 'week_start', 'invoice_id', 'service_provider', 'billing_account_id', 'host', 'model',
    'charge_category', 'target_type', 'target_id', 'tenant_id', 'product_id', 'feature_id', 'environment', 'plan',
    'cost_center', 'cost_nature', 'rule_id', 'rule_version', 'through_rules', 'method', 'cost_component',
    'basis_quantity', 'share',
] -%}
with closed_allocations as (

    select * from {{ ref('stg_accounting__closed_allocations') }}

),

last_closed as (

    select
        max(posting_period) as posting_period,
        substr(
            cast(
                cast({{ dbt.dateadd('month', 1, "cast(max(posting_period) || '-01' as date)") }} as date)
                as {{ dbt.type_string() }}
            ),
            1,
            7
        ) as next_period
    from closed_allocations

),

-- what closed periods have posted of each part of a charge, on the day they said it was used
posted as (

    select
        part_id,
        usage_date,
        {%- for name in described %}
        max({{ name }}) as {{ name }},
        {%- endfor %}
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from closed_allocations
    group by part_id, usage_date

),

-- the same months as the data of today have them
restated as (

    select * from {{ ref('int_allocations') }}
    where is_of_closed_period

),

compared as (

    select
        coalesce(restated.allocation_id, posted.part_id) as part_id,
        coalesce(restated.usage_date, posted.usage_date) as usage_date,
        {%- for name in described %}
        case when restated.allocation_id is null then posted.{{ name }} else restated.{{ name }} end as {{ name }},
        {%- endfor %}
        cast(coalesce(restated.amount_usd, 0) as decimal(26, 12)) - coalesce(posted.amount_usd, 0) as amount_usd,
        cast(coalesce(restated.effective_amount_usd, 0) as decimal(26, 12))
        - coalesce(posted.effective_amount_usd, 0) as effective_amount_usd,
        max(posted.part_id) over (partition by coalesce(restated.allocation_id, posted.part_id)) as posted_part_id
    from restated
    full outer join posted
        on
            restated.allocation_id = posted.part_id
            and restated.usage_date = posted.usage_date

),

-- A part no closed period has posted comes under its own id, so that later corrections find it.
corrections as (

    select
        case
            when compared.posted_part_id is null then compared.part_id
            else md5(
                compared.part_id || ':' || cast(compared.usage_date as {{ dbt.type_string() }}) || ':'
                || last_closed.next_period
            )
        end as allocation_id,
        compared.*,
        last_closed.next_period as posting_period,
        coalesce(compared.posted_part_id, substr(cast(compared.usage_date as {{ dbt.type_string() }}), 1, 7))
            as corrects_id
    from compared
    cross join last_closed
    where compared.amount_usd <> 0 or compared.effective_amount_usd <> 0

),

postings as (

    {%- for cte, status, posted_status, corrects_id in [
        ('closed_allocations', "'closed'", 'status', 'corrects_id'),
        ('corrections', "'correction'", "'correction'", 'corrects_id'),
    ] %}

    select
        allocation_id,
        posting_period,
        usage_date,
        {%- for name in described %}
        {{ name }},
        {%- endfor %}
        cast(amount_usd as decimal(38, 12)) as amount_usd,
        cast(effective_amount_usd as decimal(38, 12)) as effective_amount_usd,
        {{ status }} as status,
        {{ posted_status }} as posted_status,
        {{ corrects_id }} as corrects_id
    from {{ cte }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select * from postings
