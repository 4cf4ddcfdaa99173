-- One row per part of a charge in the ledger of the month, and one per tax line of its invoices. Quantities and prices are
-- whole numbers of 10^-12 until the end: divisions are exact, and what is cut off is cut off the same way every time.
with ledger as (

    select
        *,
        corrects_id is not null as is_correction
    from fct_allocations
    where posting_period = $period

),

-- A charge is split by money; one that costs nothing by what it is worth, else evenly.
weighed as (

    select
        *,
        case
            when sum(amount_usd) over charge_parts <> 0 then pico(amount_usd)
            when sum(effective_amount_usd) over charge_parts <> 0 then pico(effective_amount_usd)
            else 1
        end as weight
    from ledger
    window charge_parts as (partition by charge_id, is_correction)

),

summed as (

    select
        *,
        sum(weight) over (partition by charge_id, is_correction) as total_weight,
        sum(weight) over (
            partition by charge_id, is_correction
            order by allocation_id
            rows between unbounded preceding and current row
        ) as running_weight
    from weighed

),

-- Differences of running sums: whatever is cut off, the ratios of a charge add up to 1 and its quantities to its own.
running as (

    select
        *,
        running_weight * 1000000000000 // nullif(total_weight, 0) as ratio_to,
        (running_weight - weight) * 1000000000000 // nullif(total_weight, 0) as ratio_from
    from summed

),

calls as (

    select
        service_provider, billing_account_id, usage_date, model, service_tier,
        tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature,
        sum(input_uncached_tokens) as input_uncached,
        sum(cache_read_tokens) as cache_read,
        sum(cache_write_5m_tokens) as cache_write_5m,
        sum(cache_write_1h_tokens) as cache_write_1h,
        sum(input_audio_tokens) as input_audio,
        sum(input_image_tokens) as input_image,
        sum(output_text_tokens + reasoning_tokens) as output,
        sum(output_audio_tokens) as output_audio,
        sum(output_image_tokens) as output_image,
        sum(searches) as search,
        sum(list_cost_usd) filter (where contracted_cost_usd is not null) as list_usd,
        sum(contracted_cost_usd) filter (where list_cost_usd is not null) as contracted_usd
    from fct_usage
    where
        usage_date between cast($period || '-01' as date) and last_day(cast($period || '-01' as date))
        and host <> 'self_hosted'
        and billing_status not in ('not_billed', 'gateway_cache')
    group by all

),

metered as (

    select
        service_provider, billing_account_id, usage_date, meter,
        tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature,
        case when meter = 'search' then 'unattributed' else model end as model,
        case when meter = 'search' then 'standard' else service_tier end as service_tier,
        sum(counted) as counted
    from (
        unpivot calls
        on input_uncached, cache_read, cache_write_5m, cache_write_1h, input_audio, input_image, output, output_audio,
            output_image, search
        into name meter value counted
    )
    where counted > 0
    group by all

),

-- What the public price is to the company's, over all calls of the day: calls say both for all their meters together.
listed as (

    select
        service_provider, billing_account_id, usage_date, model, service_tier,
        pico(sum(list_usd)) as list_pico,
        pico(sum(contracted_usd)) as contracted_pico
    from calls
    group by all
    having sum(contracted_usd) > 0

),

-- The contract term that a charge draws on; the first where there are several.
terms as (

    select
        charges.charge_id,
        min(terms.term_id) as term_id
    from fct_charges as charges
    inner join contract_terms_monthly as terms
        on
            charges.service_provider = terms.service_provider
            and terms.billing_account_id in (charges.billing_account_id, 'all')
            and charges.usage_date >= terms.valid_from
            and charges.usage_date < terms.valid_to
    where
        charges.drawn_usd > 0
        and terms.kind in ('commitment', 'prepaid')
        and strftime(terms.month_start, '%Y-%m') = $period
    group by charges.charge_id

),

methods as (

    select
        charge_id,
        string_agg(distinct rule_id, '+' order by rule_id) as method_id
    from ledger
    group by charge_id

),

invoice_lines as (

    select * from fct_invoice_lines
    where posting_period = $period

),

usage_lines as (

    select
        invoice_id,
        min(invoice_line_id) as invoice_line_id
    from invoice_lines
    -- What was paid before is taken off by a line of its own.
    where line_type = 'usage' or (line_type = 'commitment' and amount_usd < 0)
    group by invoice_id
    having count(*) = 1

),

gpu_providers as (

    select
        service_provider,
        bool_or(host = 'self_hosted') as rents_gpus
    from dim_models
    group by service_provider

),

charged as (

    select
        running.*,
        charges.billing_scope_id,
        charges.service_tier,
        charges.meter,
        case
            when running.charge_category = 'fx' and not running.is_correction and fx_lines.invoice_id is not null
                then running.invoice_id || ':fx:1'
            else coalesce(usage_lines.invoice_line_id, own_line.invoice_line_id)
        end as invoice_line_id,
        own_line.description,
        running.ratio_to - running.ratio_from as ratio,
        sum(running.amount_usd) over (partition by running.charge_id, running.is_correction) as charge_usd,
        case when running.is_correction then 0 else pico(coalesce(charges.drawn_usd, 0)) end as charge_drawn,
        listed.list_pico,
        listed.contracted_pico,
        pico(charges.quantity) as charge_quantity,
        pico(metered.counted) as counted,
        case
            when running.charge_category in ('usage', 'unlogged_traffic', 'gpu_busy', 'gpu_idle')
                and not running.is_correction and charges.quantity > 0 and charges.amount_usd + charges.drawn_usd >= 0
                then meters.consumed_unit is not null
            else false
        end as has_price,
        meters
    from running
    left join fct_charges as charges
        on running.charge_id = charges.charge_id
    left join focus_meters as meters
        on charges.meter = meters.meter
    left join metered
        on
            running.charge_category = 'usage'
            and running.host <> 'self_hosted'
            and running.service_provider = metered.service_provider
            and running.billing_account_id = metered.billing_account_id
            and running.usage_date = metered.usage_date
            and running.model = metered.model
            and charges.service_tier = metered.service_tier
            and charges.meter = metered.meter
            and running.tenant_id = metered.tenant_id
            and running.product_id = metered.product_id
            and running.feature_id = metered.feature_id
            and running.environment = metered.environment
            and running.plan = metered.plan
            and running.cost_center is not distinct from metered.cost_center
            and running.cost_nature = metered.cost_nature
    left join listed
        on
            running.host <> 'self_hosted'
            and running.service_provider = listed.service_provider
            and running.billing_account_id = listed.billing_account_id
            and running.usage_date = listed.usage_date
            and running.model = listed.model
            and charges.service_tier = listed.service_tier
    left join usage_lines
        on
            running.invoice_id = usage_lines.invoice_id
            and not running.is_correction
            and running.charge_category not in ('credit', 'fee', 'commitment', 'shortfall', 'rounding', 'fx')
    left join (select distinct invoice_id from invoice_lines where line_type = 'usage') as fx_lines
        on running.invoice_id = fx_lines.invoice_id
    left join invoice_lines as own_line
        on running.charge_id = own_line.charge_id and not running.is_correction

),

-- The calls' own counts where they are what the charge counts, else its quantity by ratio.
counted as (

    select
        *,
        case
            when sum(counted) over charge_parts = charge_quantity and count(*) over charge_parts = count(counted) over charge_parts
                then counted
            else charge_quantity // 1000000 * ratio_to // 1000000 - charge_quantity // 1000000 * ratio_from // 1000000
        end // meters.per_unit as consumed,
        charge_quantity // meters.per_unit // meters.block as charge_priced
    from charged
    window charge_parts as (partition by charge_id, is_correction)

),

priced as (

    select
        *,
        consumed // meters.block as priced,
        charge_drawn // 1000000 * ratio_to // 1000000 - charge_drawn // 1000000 * ratio_from // 1000000 as drawn,
        -- What was paid before has its price too.
        (pico(charge_usd) + charge_drawn) * 1000000000000 // nullif(charge_priced, 0) as unit_price
    from counted

),

parts as (

    select
        allocation_id,
        corrects_id,
        charge_id,
        charge_usd,
        posted_status,
        service_provider,
        billing_account_id,
        billing_scope_id,
        case when not is_correction then invoice_id end as invoice_id,
        invoice_line_id,
        usage_date,
        is_correction,
        host,
        case
            when charge_category in ('usage', 'unlogged_traffic', 'non_token', 'gpu_busy', 'gpu_idle', 'shortfall') then 'Usage'
            when charge_category = 'credit' then 'Credit'
            when charge_category in ('rounding', 'fx') then 'Adjustment'
            when charge_category in ('fee', 'commitment') then 'Purchase'
        end as focus_category,
        case
            when description is not null then description
            when charge_category = 'rounding' then 'Difference of the invoice to the sum of its days'
            when charge_category = 'fx' then 'Invoice settled at another exchange rate than its days'
            when charge_category = 'gpu_busy' then 'GPUs serving ' || model
            when charge_category = 'gpu_idle' then 'GPUs idle'
            when charge_category = 'shortfall' then 'Paid for or promised and not used: ' || meter
            when charge_category = 'unlogged_traffic' then meters.sku_meter || ' of ' || model || ' that no log has'
            when meters.sku_meter is null or model = 'unattributed' then coalesce(meters.sku_meter, meter, charge_category)
            else meters.sku_meter || ' of ' || model
        end as description,
        amount_usd,
        case when charge_category = 'credit' then amount_usd else effective_amount_usd end as effective_usd,
        has_price,
        case when has_price then from_pico(consumed) end as consumed_quantity,
        case when has_price then meters.consumed_unit end as consumed_unit,
        case when has_price then from_pico(priced) end as pricing_quantity,
        case when has_price then meters.pricing_unit end as pricing_unit,
        case when has_price then unit_price end as contracted_price,
        case when has_price then coalesce(unit_price * list_pico // contracted_pico, unit_price) end as list_price,
        case when has_price then priced end as priced,
        amount_usd + from_pico(drawn) as unpriced_usd,
        case
            when drawn > 0 and terms.term_id is not null
                then '{"Elements":[{"ContractId":' || to_json(terms.term_id) || ',"ContractCommitmentId":' || to_json(terms.term_id)
                || ',"ContractCommitmentAppliedCost":' || from_pico(drawn) || '}]}'
        end as contract_applied,
        coalesce(meters.sku_meter, case when charge_category in ('non_token', 'fee', 'commitment') then coalesce(meter, charge_category) end)
            as sku_meter,
        service_provider || ':' || case when model <> 'unattributed' then model || ':' else '' end || meter as sku_id,
        coalesce(service_tier, 'standard') as service_tier,
        nullif(nullif(model, 'unattributed'), 'shared') as model,
        meters.direction as token_direction,
        meters.cache_action as token_cache_action,
        meters.cache_lifetime,
        meters.modality,
        methods.method_id,
        case when target_type in ('tenant', 'unattributed') then '' else target_type || ':' end
        || target_id || '/' || product_id || '/' || feature_id || '/' || environment || '/' || plan || '/'
        || coalesce(cost_center, 'unattributed') || '/' || cost_nature as resource_id,
        case when target_type in ('tenant', 'unattributed') then coalesce(tenants.tenant_name, target_id) else target_id end
            as resource_name,
        case
            when not is_correction and ratio is not null
                -- Put together as text: JSON functions make doubles of decimals.
                then '{"Elements":[{"AllocatedRatio":' || from_pico(ratio)
                || case
                    when has_price
                        then ',"UsageUnit":"' || meters.consumed_unit || '","UsageQuantity":' || from_pico(consumed)
                    else ''
                end
                || case when basis_quantity is null then '' else ',"x_BasisQuantity":' || basis_quantity end
                || ',"x_Method":' || to_json(method) || ',"x_Rule":' || to_json(rule_id)
                || ',"x_RuleVersion":' || to_json(rule_version)
                || case when through_rules is null then '' else ',"x_ThroughRules":' || to_json(through_rules) end || '}]}'
        end as method_details,
        json_merge_patch('{}', json_object(
            'tenant_id', tenant_id,
            'pool', case when target_type = 'pool' then target_id end,
            'product_id', nullif(product_id, 'unattributed'),
            'feature_id', nullif(feature_id, 'unattributed'),
            'environment', nullif(environment, 'unattributed'),
            'plan', nullif(plan, 'unattributed'),
            'cost_center', cost_center,
            'cost_nature', cost_nature
        )) as tags
    from priced
    inner join methods using (charge_id)
    left join terms
        on
            priced.charge_drawn > 0
            and priced.charge_id = terms.charge_id
    left join (select tenant_id, tenant_name from dim_tenants) as tenants using (tenant_id)

),

taxes as (

    select
        service_provider,
        billing_account_id,
        invoice_id,
        invoice_line_id,
        cast(billing_period_end as date) - 1 as usage_date,
        false as is_correction,
        'Tax' as focus_category,
        coalesce(description, 'Tax') as description,
        amount_usd,
        amount_usd as effective_usd,
        amount_usd as unpriced_usd,
        false as has_price
    from invoice_lines
    where line_type = 'tax'

),

rows_of_both as (

    select * from parts
    union all by name
    select * from taxes

),

named as (

    select
        rows_of_both.*,
        coalesce(gpu_providers.rents_gpus, false) as rents_gpus,
        models.developer,
        models.family,
        models.version
    from rows_of_both
    left join gpu_providers using (service_provider)
    left join focus_models as models using (model)

)

select
    method_details as AllocatedMethodDetails,
    method_id as AllocatedMethodId,
    resource_id as AllocatedResourceId,
    resource_name as AllocatedResourceName,
    tags as AllocatedTags,
    amount_usd as BilledCost,
    billing_account_id as BillingAccountId,
    'Billing Account' as BillingAccountType,
    'USD' as BillingCurrency,
    cast($period || '-01' as date) + interval 1 month as BillingPeriodEnd,
    cast($period || '-01' as date) as BillingPeriodStart,
    focus_category as ChargeCategory,
    case when is_correction then 'Correction' end as ChargeClass,
    description as ChargeDescription,
    case when focus_category = 'Usage' then 'Usage-Based' else 'One-Time' end as ChargeFrequency,
    usage_date + 1 as ChargePeriodEnd,
    case when focus_category = 'Usage' then usage_date else date_trunc('month', usage_date) end as ChargePeriodStart,
    consumed_quantity as ConsumedQuantity,
    consumed_unit as ConsumedUnit,
    contract_applied as ContractApplied,
    case when has_price then from_pico(contracted_price * priced // 1000000000000) else unpriced_usd end as ContractedCost,
    from_pico(contracted_price) as ContractedUnitPrice,
    effective_usd as EffectiveCost,
    case host when 'bedrock' then 'aws' when 'vertex' then 'google' when 'azure' then 'azure' else service_provider end
        as HostProviderName,
    invoice_line_id as InvoiceDetailId,
    invoice_id as InvoiceId,
    service_provider as InvoiceIssuerName,
    case when has_price then from_pico(list_price * priced // 1000000000000) else unpriced_usd end as ListCost,
    from_pico(list_price) as ListUnitPrice,
    case when has_price then case when contract_applied is null then 'Standard' else 'Committed' end end as PricingCategory,
    'USD' as PricingCurrency,
    from_pico(contracted_price) as PricingCurrencyContractedUnitPrice,
    effective_usd as PricingCurrencyEffectiveCost,
    from_pico(list_price) as PricingCurrencyListUnitPrice,
    pricing_quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    service_provider as ProviderName,
    service_provider as PublisherName,
    case when rents_gpus then 'Compute' else 'AI and Machine Learning' end as ServiceCategory,
    case when rents_gpus then 'GPU hosting' else 'Model inference' end as ServiceName,
    service_provider as ServiceProviderName,
    case when rents_gpus then 'Virtual Machines' else 'Generative AI' end as ServiceSubcategory,
    case when focus_category in ('Usage', 'Purchase') then sku_id end as SkuId,
    sku_meter as SkuMeter,
    case
        when has_price then json_merge_patch('{}', json_object(
            $prefix || 'ModelDeveloper', developer,
            $prefix || 'ModelFamily', family,
            $prefix || 'ModelId', model,
            $prefix || 'ModelVersion', version,
            $prefix || 'TokenDirection', token_direction,
            $prefix || 'TokenCacheAction', token_cache_action,
            'x_CacheLifetime', cache_lifetime,
            'x_Modality', modality,
            'x_ServiceTier', service_tier
        ))
    end as SkuPriceDetails,
    case when has_price then sku_id || ':' || service_tier end as SkuPriceId,
    billing_scope_id as SubAccountId,
    billing_scope_id as SubAccountName,
    case when billing_scope_id is not null then 'Project' end as SubAccountType,
    -- Of an allocated row these are the tags of the charge before it was split; before 1.3 they had no other place.
    case when $dialect = '1.2' then tags end as Tags,
    allocation_id as x_AllocationId,
    corrects_id as x_CorrectsId,
    case when not is_correction then charge_usd end as x_SplitOriginCost,
    case when not is_correction then charge_id end as x_SplitOriginId,
    posted_status as x_Status
from named
order by service_provider, billing_account_id, usage_date, charge_id nulls last, allocation_id nulls last, invoice_line_id
