"""Cost and Usage of FOCUS, the FinOps Foundation's bill format, versions 1.0 to 1.4 and the AI keys of the 1.5 draft.

Columns differ by version: 1.3 put `ServiceProviderName` for `ProviderName`. A line of an AI service says its token
class in its `SkuMeter` and the model in `SkuPriceDetails`; any other line is a charge of its own.
"""

from functools import partial

from sources.bill import BILL_COLUMNS, CHARGE_CATEGORIES, LINE_PROBLEMS, bill_table
from sources.mapped import Layout, Value, read_mapped

_PROVIDERS = {
    "amazon web services": "aws",
    "aws": "aws",
    "microsoft": "azure",
    "microsoft azure": "azure",
    "azure": "azure",
    "google cloud": "google",
    "google cloud platform": "google",
}
_CATEGORIES = {
    "usage": "usage",
    "purchase": "commitment",
    "tax": "tax",
    "credit": "credit",
    "adjustment": "other",
}
_METERS = {
    "input tokens": "input_uncached",
    "uncached input tokens": "input_uncached",
    "cached input tokens": "cache_read",
    "cache read input tokens": "cache_read",
    "cache write input tokens": "cache_write_5m",
    "cache write 5m input tokens": "cache_write_5m",
    "cache write 1h input tokens": "cache_write_1h",
    "output tokens": "output",
    "audio input tokens": "input_audio",
    "audio output tokens": "output_audio",
    "image input tokens": "input_image",
    "image output tokens": "output_image",
    "web searches": "search",
}
# No column of FOCUS says the tier. A provider's own key in SkuPriceDetails does, else the description of a token line;
# priority is a usual word of descriptions, and so only believed of tokens.
_TIERS = ("batch", "flex", "priority")
_TIER = "case when v_meter = 'other' then 'standard' {} else 'standard' end".format(
    " ".join(
        f"when lower(v_said_tier) = '{tier}' or regexp_matches(lower(v_line_item), '(^|[^a-z]){tier}([^a-z]|$)')"
        f" then '{tier}'"
        for tier in _TIERS
    )
)
_METER = """case
    when not v_is_ai or v_charge_category <> 'usage' then 'other'
    when coalesce(v_sku_meter, '') in ({known}) and (v_model_id is not null or v_sku_meter = 'search') then v_sku_meter
    else 'other'
end""".format(known=", ".join(f"'{meter}'" for meter in sorted(set(_METERS.values()))))
# `1000000 Tokens` of the pricing unit counts when the line says no consumed tokens.
_PRICED = "try_cast(regexp_extract(lower(v_pricing_unit), '^([0-9]+) tokens$', 1) as decimal(18, 0))"
_QUANTITY = f"""case
    when v_meter = 'other' then null
    when v_meter = 'search' then v_consumed_quantity
    when lower(v_consumed_unit) = 'tokens' then v_consumed_quantity
    when lower(v_pricing_unit) = 'tokens' then v_pricing_quantity
    else cast(cast(v_pricing_quantity as decimal(18, 6)) * {_PRICED} as decimal(26, 6))
end"""

_LAYOUT = Layout(
    columns=BILL_COLUMNS,
    values={
        "service_provider": Value(at=("ServiceProviderName", "ProviderName"), is_required=True, spellings=_PROVIDERS),
        "host": Value(at=("HostProviderName",)),
        "billing_account_id": Value(at=("BillingAccountId",), is_required=True),
        "billing_scope_id": Value(at=("SubAccountId",)),
        "invoice_id": Value(at=("InvoiceId",)),
        "billing_period_start": Value(at=("BillingPeriodStart",), kind="moment", is_required=True),
        "billing_period_end": Value(at=("BillingPeriodEnd",), kind="moment", is_required=True),
        "charge_start": Value(at=("ChargePeriodStart",), kind="moment", is_required=True),
        "charge_end": Value(at=("ChargePeriodEnd",), kind="moment", is_required=True),
        "charge_category": Value(
            at=("ChargeCategory",), is_required=True, spellings=_CATEGORIES, allowed=CHARGE_CATEGORIES, is_closed=True
        ),
        "service_category": Value(at=("ServiceCategory",)),
        "sku_meter": Value(at=("SkuMeter",), spellings=_METERS),
        # Before 1.5 the AI keys are custom ones.
        "model_id": Value(at=("/SkuPriceDetails//ModelId", "/SkuPriceDetails//x_ModelId")),
        "consumed_unit": Value(at=("ConsumedUnit",)),
        "consumed_quantity": Value(at=("ConsumedQuantity",), kind="money"),
        "pricing_unit": Value(at=("PricingUnit",)),
        "pricing_quantity": Value(at=("PricingQuantity",), kind="money"),
        "region": Value(at=("RegionId",)),
        "billed_amount": Value(at=("BilledCost",), kind="money", is_required=True),
        "list_amount": Value(at=("ListCost",), kind="money"),
        "contracted_amount": Value(at=("ContractedCost",), kind="money"),
        "effective_amount": Value(at=("EffectiveCost",), kind="money"),
        "currency": Value(at=("BillingCurrency",), is_required=True),
        "line_item": Value(
            at=("ChargeDescription", "SkuMeter", "SkuId", "ServiceName", "ChargeCategory"), is_required=True
        ),
        "tags": Value(at=("Tags",)),
        "resource_id": Value(at=("ResourceId",)),
        "resource_hours": Value(
            sql="case when v_charge_category = 'usage' and lower(v_consumed_unit) in ('hrs', 'hour', 'hours')"
            " and v_consumed_quantity >= 0 then v_consumed_quantity end"
        ),
        "is_ai": Value(sql="coalesce(v_service_category = 'AI and Machine Learning', false)"),
        "meter": Value(sql=_METER),
        "said_tier": Value(at=tuple(f"/SkuPriceDetails//{key}" for key in ("ServiceTier", "x_ServiceTier"))),
        "service_tier": Value(sql=_TIER),
        "quantity": Value(sql=_QUANTITY),
        "unit": Value(
            sql="case when v_meter in ('other', 'search') then coalesce(v_consumed_unit, v_pricing_unit)"
            " else 'tokens' end"
        ),
    },
    time_column="charge_start",
    problems=LINE_PROBLEMS,
    # How some 1.0 files write an empty cell.
    null_text="NULL",
)

COST_AND_USAGE = bill_table(
    "focus",
    "cost_and_usage",
    partial(read_mapped, _LAYOUT),
    suffixes=(".csv", ".csv.gz", ".parquet"),
    description="One row per charge of a FOCUS Cost and Usage file, version 1.0 to 1.4, AI tokens told apart.",
)
