with bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

claude_units as (

    select * from {{ ref('int_claude_units') }}

),

groups as (

    select * from {{ ref('int_anchor_groups') }}

),

tag_names as (

    select * from {{ ref('stg_config__allocation_tags') }}

),

-- Only tags that a rule looks at: of all a bill has, no two lines need be alike.
line_tags as (

    select
        bill_lines.bill_line_id,
        bill_lines.meter,
        tag_names.tag_name,
        {{ tag_value('bill_lines.tags', 'tag_names.tag_name') }} as tag_value
    from bill_lines
    cross join tag_names
    where bill_lines.tags is not null

),

-- As text, so that one comparison tells whether all tags of a rule are there: what ends a tag is not left in its value.
texts as (

    select
        bill_line_id,
        meter,
        tag_name,
        '|' || tag_name || '=' || replace(replace(tag_value, '%', '%25'), '|', '%7C') || '|' as tag
    from line_tags
    where tag_value is not null

),

tagged_lines as (

    select
        bill_line_id,
        meter,
        {{ joined('tag', 'tag_name') }} as tags
    from texts
    group by bill_line_id, meter

),

-- Claude Consumption Units are billed for all the groups they are shared over.
anchored_lines as (

    select
        bill_line_id, amount_usd, service_provider, billing_account_id, usage_date, model, service_tier, meter
    from bill_lines
    where meter not in ('claude_consumption_unit', 'other')
    union all
    select
        bill_lines.bill_line_id, bill_lines.amount_usd, bill_lines.service_provider, bill_lines.billing_account_id,
        bill_lines.usage_date, claude_units.model, claude_units.service_tier, claude_units.meter
    from bill_lines
    inner join claude_units
        on
            bill_lines.service_provider = claude_units.service_provider
            and bill_lines.billing_account_id = claude_units.billing_account_id
            and bill_lines.usage_date = claude_units.usage_date
    where bill_lines.meter = 'claude_consumption_unit'

),

tagged_groups as (

    select distinct
        anchored_lines.service_provider,
        anchored_lines.billing_account_id,
        anchored_lines.usage_date,
        anchored_lines.model,
        anchored_lines.service_tier,
        anchored_lines.meter
    from anchored_lines
    inner join tagged_lines
        on anchored_lines.bill_line_id = tagged_lines.bill_line_id

),

grouped as (

    select
        groups.group_id,
        groups.logged_quantity,
        groups.billed_usd,
        coalesce(tagged_lines.tags, '') as tags,
        cast(sum(anchored_lines.amount_usd) as decimal(26, 12)) as amount_usd
    from tagged_groups
    inner join groups
        on
            tagged_groups.service_provider = groups.service_provider
            and tagged_groups.billing_account_id = groups.billing_account_id
            and tagged_groups.usage_date = groups.usage_date
            and tagged_groups.model = groups.model
            and tagged_groups.service_tier = groups.service_tier
            and tagged_groups.meter = groups.meter
    inner join anchored_lines
        on
            tagged_groups.service_provider = anchored_lines.service_provider
            and tagged_groups.billing_account_id = anchored_lines.billing_account_id
            and tagged_groups.usage_date = anchored_lines.usage_date
            and tagged_groups.model = anchored_lines.model
            and tagged_groups.service_tier = anchored_lines.service_tier
            and tagged_groups.meter = anchored_lines.meter
    left join tagged_lines
        on anchored_lines.bill_line_id = tagged_lines.bill_line_id
    group by groups.group_id, groups.logged_quantity, groups.billed_usd, coalesce(tagged_lines.tags, '')

),

spans as (

    select
        *,
        count(*) over (partition by group_id) as kinds,
        min(amount_usd) over (partition by group_id) as least_usd,
        cast(coalesce(sum(amount_usd) over (
            partition by group_id order by tags asc nulls last rows between unbounded preceding and 1 preceding
        ), 0) as decimal(26, 12)) as begins_at,
        cast(sum(amount_usd) over (
            partition by group_id order by tags asc nulls last rows between unbounded preceding and current row
        ) as decimal(26, 12)) as ends_at,
        cast(sum(amount_usd) over (partition by group_id) as decimal(26, 12)) as total
    from grouped

),

of_charges as (

    select
        bill_line_id as charge_id,
        tags,
        cast(0 as decimal(26, 12)) as begins_at,
        cast(1 as decimal(26, 12)) as ends_at,
        cast(1 as decimal(26, 12)) as total
    from tagged_lines
    where meter = 'other'
    union all
    -- Lines that all say the same: so do the calls they are for, and what no log has of them.
    {%- for kind in ['usage', 'unlogged'] %}
    select
        '{{ kind }}:' || group_id as charge_id,
        tags,
        cast(0 as decimal(26, 12)) as begins_at,
        cast(1 as decimal(26, 12)) as ends_at,
        cast(1 as decimal(26, 12)) as total
    from spans
    where kinds = 1
    union all
    {%- endfor %}
    -- Of lines that say different things it is known what no log has only where logs have nothing at all.
    select
        'unlogged:' || group_id as charge_id,
        nullif(tags, '') as tags,
        begins_at,
        ends_at,
        total
    from spans
    where kinds > 1 and logged_quantity = 0 and total = billed_usd and least_usd > 0

)

select * from of_charges
