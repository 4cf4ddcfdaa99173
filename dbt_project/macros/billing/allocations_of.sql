{#-
One row per part of a charge and who carries it: parts that a set of targets shares are split here, and nowhere stored, so
that a part costs what reads it and no more. `condition` is on fct_allocation_parts.
-#}
{% macro allocations_of(parts, shares, natures, condition) %}
{%- set described = [
    'charge_id', 'posting_period', 'usage_date', 'week_start', 'invoice_id', 'service_provider', 'billing_account_id', 'host',
    'model', 'charge_category',
] -%}
{%- set of_rule = ['rule_id', 'rule_version', 'through_rules', 'method'] -%}
    select
        md5(
            placed.charge_id || ':' || placed.rule_id || ':' || placed.method || ':' || placed.tenant_id || ':'
            || placed.product_id || ':' || placed.feature_id || ':' || placed.environment || ':' || placed.plan
            || ':' || coalesce(placed.cost_center, '') || ':' || coalesce(placed.cost_nature, natures.cost_nature, '')
            || coalesce(':' || placed.through_rules, '')
            || case when placed.target_type in ('tenant', 'unattributed') then '' else ':' || placed.target_type || '/' || placed.target_id end
        ) as allocation_id,
        {%- for name in described %}
        placed.{{ name }},
        {%- endfor %}
        placed.target_type,
        placed.target_id,
        placed.tenant_id,
        placed.product_id,
        placed.feature_id,
        placed.environment,
        placed.plan,
        placed.cost_center,
        coalesce(placed.cost_nature, natures.cost_nature) as cost_nature,
        {%- for name in of_rule %}
        placed.{{ name }},
        {%- endfor %}
        placed.cost_component,
        placed.basis_quantity,
        cast({{ divide_exact('1', 'placed.amount_usd', 'placed.charge_amount_usd', weight_places=12) }} as decimal(18, 12)) as share,
        cast(placed.amount_usd as decimal(38, 12)) as amount_usd,
        cast(placed.effective_amount_usd as decimal(38, 12)) as effective_amount_usd,
        placed.status,
        placed.is_of_closed_period
    from (
        select
            {%- for name in described %}
            {{ name }},
            {%- endfor %}
            target_type,
            target_id,
            tenant_id,
            product_id,
            feature_id,
            environment,
            plan,
            cost_center,
            cost_nature,
            {%- for name in of_rule %}
            {{ name }},
            {%- endfor %}
            cost_component,
            basis_quantity,
            charge_amount_usd,
            cast(amount_usd as decimal(26, 12)) as amount_usd,
            cast(effective_amount_usd as decimal(26, 12)) as effective_amount_usd,
            status,
            is_of_closed_period
        from {{ parts }}
        where set_number is null and {{ condition }}
        union all
        select
            {%- for name in described %}
            parts.{{ name }},
            {%- endfor %}
            shares.target_type,
            shares.target_id,
            shares.tenant_id,
            parts.product_id,
            parts.feature_id,
            parts.environment,
            shares.plan,
            coalesce(parts.cost_center, shares.cost_center) as cost_center,
            parts.cost_nature,
            {%- for name in of_rule %}
            parts.{{ name }},
            {%- endfor %}
            {{ cost_component('shares.target_type', 'parts.method', 'parts.charge_category') }} as cost_component,
            shares.basis_quantity,
            parts.charge_amount_usd,
            {{ split_by_span('parts.amount_quotient', 'parts.amount_remainder', 'shares') }} as amount_usd,
            {{ split_by_span('parts.effective_quotient', 'parts.effective_remainder', 'shares') }} as effective_amount_usd,
            parts.status,
            parts.is_of_closed_period
        from {{ parts }} as parts
        inner join {{ shares }} as shares
            on parts.set_number = shares.set_number
        where shares.target_type in ('tenant', 'unattributed') and {{ condition }}
    ) as placed
    left join {{ natures }} as natures
        on
            placed.cost_nature is null
            and placed.usage_date = natures.usage_date
            and placed.plan = natures.plan
{% endmacro %}
