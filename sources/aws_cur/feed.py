"""AWS Cost and Usage Report 2.0 (Data Exports), with the spellings of Bedrock's usage types.

A usage type names the model, the token class, the tier, the routing and the context in one word. Bedrock has three
grammars for it: its own (`USE1-Claude4.6Sonnet-input-tokens`, per 1,000 tokens), mantle's
(`USE1-openai.gpt-oss-120b-mantle-output-tokens-flex`) and AWS Marketplace's (`USE1-MP:USE1_input_tokens-Units`, per
million, the model in the product's name).
"""

from functools import partial

from sources.bill import BILL_COLUMNS, CHARGE_CATEGORIES, LINE_PROBLEMS, bill_table
from sources.mapped import Layout, Value, read_mapped
from sources.reading import literal

_BEDROCK_CODES = "('amazonbedrock', 'amazonbedrockfoundationmodels', 'amazonbedrockservice')"
_EDITION = " (amazon bedrock edition)"
_CATEGORIES = {
    "usage": "usage",
    "discountedusage": "usage",
    "savingsplancoveredusage": "usage",
    # Discounts come as lines of their own with the usage type they lower.
    "discount": "usage",
    "edpdiscount": "usage",
    "bundleddiscount": "usage",
    "privateratediscount": "usage",
    "sppdiscount": "usage",
    "rivolumediscount": "usage",
    "credit": "credit",
    "refund": "credit",
    "fee": "fee",
    "tax": "tax",
    "rifee": "commitment",
    "savingsplanupfrontfee": "commitment",
    "savingsplanrecurringfee": "commitment",
    "savingsplannegation": "commitment",
}
# Marketplace writes the words together; longer ones first, for they hold the shorter.
_MARKETPLACE_WORDS = {
    "cachewrite1hinputtokencount": "cache-write-tokens-1h",
    "cachewrite5minputtokencount": "cache-write-tokens-5m",
    "cachewriteinputtokencount": "cache-write-tokens",
    "cachereadinputtokencount": "cache-read-tokens",
    "outputtokencount": "output-tokens",
    "inputtokencount": "input-tokens",
}
# model, token class, and words that say tier, cache lifetime, routing and context. Any other word: not understood.
_WORDS = "1-hour|1h|5-minutes?|5m|long-context|long-ctx|batch|flex|priority|standard|cross-region|global|geo"
_GRAMMAR = rf"^(.+?)(-mantle)?-(input|output|cache-read|cache-write)(-input)?-token(s|-count)((-({_WORDS}))*)$"


def _part(group: int) -> str:
    return f"nullif(regexp_extract(v_words, {literal(_GRAMMAR)}, {group}), '')"


def _has(*words: str) -> str:
    return f"coalesce(regexp_matches(v_rest, '-({'|'.join(words)})(-|$)'), false)"


def _words_sql() -> str:
    """The usage type in Bedrock's own grammar, lower case, without the region in front."""
    plain = "regexp_replace(lower(v_usage_type), '^[a-z]{2,4}[0-9]-', '')"
    words = (
        f"replace(regexp_replace(regexp_extract({plain}, '^mp:(.+)-units$', 1), '^[a-z]{{2,4}}[0-9]_', ''), '_', '-')"
    )
    for together, apart in _MARKETPLACE_WORDS.items():
        words = f"replace({words}, {literal(together)}, {literal(apart)})"
    return f"case when {plain} like 'mp:%' then 'mp-' || {words} else {plain} end"


def _model_sql() -> str:
    """The billed name as Bedrock's model id, where the way from one to the other is a rule: Claude and Nova."""
    product = f"replace(nullif(replace(lower(v_product_name), '{_EDITION}', ''), ''), ' ', '')"
    name = f"case when v_words like 'mp-%' then {product} else regexp_replace({_part(1)}, '-text$', '') end"
    claude = r"'^claude([0-9])(?:\.([0-9]))?(opus|sonnet|haiku)$'"
    backwards = r"'^claude(opus|sonnet|haiku)([0-9])(?:\.([0-9]))?$'"
    nova = r"'^nova(?:([0-9])\.0)?(micro|lite|pro|premier)$'"
    return f"""case
        when not v_is_ai or v_category <> 'usage' or v_class is null then null
        else case when {_has("global")} then 'global.' else '' end || case
            when regexp_matches({name}, {claude}) and regexp_extract({name}, {claude}, 1) >= '4'
                then rtrim(regexp_replace({name}, {claude}, 'anthropic.claude-\\3-\\1-\\2'), '-')
            when regexp_matches({name}, {claude})
                then replace(regexp_replace({name}, {claude}, 'anthropic.claude-\\1-\\2-\\3'), '--', '-')
            when regexp_matches({name}, {backwards})
                then rtrim(regexp_replace({name}, {backwards}, 'anthropic.claude-\\1-\\2-\\3'), '-')
            when regexp_matches({name}, {nova})
                then replace(regexp_replace({name}, {nova}, 'amazon.nova-\\1-\\2'), '--', '-')
            else {name}
        end
    end"""


_IS_AI = (
    f"coalesce(lower(v_product_code) in {_BEDROCK_CODES}, false)"
    f" or coalesce(lower(v_service_code) in {_BEDROCK_CODES}, false)"
    f" or coalesce(lower(v_product_name) like '%{_EDITION}', false)"
)
# Speech, image and video tokens have prices of their own, and so do words that are not in the grammar.
_CLASS = f"case when not regexp_matches({_part(1)}, '-(speech|audio|image|video)$') then {_part(3)} end"
_METER = f"""case
    when not v_is_ai or v_category <> 'usage' or v_class is null or v_tokens_per_unit is null or v_model_id is null
        then 'other'
    when v_class = 'input' then 'input_uncached'
    when v_class = 'cache-read' then 'cache_read'
    when v_class = 'cache-write' and {_has("1-hour", "1h")} then 'cache_write_1h'
    when v_class = 'cache-write' then 'cache_write_5m'
    else 'output'
end"""
_TOKENS_PER_UNIT = """case
    when lower(v_pricing_unit) in ('1k tokens', '1000 tokens') then 1000
    when lower(v_pricing_unit) in ('1m tokens', 'million tokens', '1000000 tokens') then 1000000
    when lower(v_pricing_unit) = 'tokens' then 1
    when v_words like 'mp-%' and (v_pricing_unit is null or lower(v_pricing_unit) = 'units') then 1000000
    when v_pricing_unit is null then 1000
end"""
# What a discount or a covered line repeats of the usage is no usage again.
_QUANTITY = """case
    when v_meter <> 'other' and lower(t_category) in ('usage', 'discountedusage', 'savingsplancoveredusage')
        then v_amount_used * v_tokens_per_unit
end"""

_LAYOUT = Layout(
    columns=BILL_COLUMNS,
    values={
        "usage_type": Value(at=("line_item_usage_type",)),
        "category": Value(
            at=("line_item_line_item_type",),
            is_required=True,
            spellings=_CATEGORIES,
            allowed=CHARGE_CATEGORIES,
            is_closed=True,
        ),
        "product_code": Value(at=("line_item_product_code",)),
        "service_code": Value(at=("product_servicecode", "/product//servicecode")),
        "product_name": Value(
            at=("product_servicename", "/product//servicename", "product_product_name", "/product//product_name")
        ),
        "pricing_unit": Value(at=("pricing_unit",)),
        "amount_used": Value(at=("line_item_usage_amount",), kind="money"),
        "billing_account_id": Value(at=("bill_payer_account_id",), is_required=True),
        "billing_scope_id": Value(at=("line_item_usage_account_id",)),
        "invoice_id": Value(at=("bill_invoice_id",)),
        "billing_period_start": Value(at=("bill_billing_period_start_date",), kind="moment", is_required=True),
        "billing_period_end": Value(at=("bill_billing_period_end_date",), kind="moment", is_required=True),
        "charge_start": Value(at=("line_item_usage_start_date",), kind="moment", is_required=True),
        "charge_end": Value(at=("line_item_usage_end_date",), kind="moment", is_required=True),
        "region": Value(at=("product_region_code", "/product//region")),
        "billed_amount": Value(at=("line_item_unblended_cost",), kind="money", is_required=True),
        "list_amount": Value(at=("pricing_public_on_demand_cost",), kind="money"),
        "contracted_amount": Value(at=("line_item_net_unblended_cost",), kind="money"),
        "effective_amount": Value(
            at=(
                "savings_plan_savings_plan_effective_cost",
                "reservation_effective_cost",
                "line_item_net_unblended_cost",
                "line_item_unblended_cost",
            ),
            kind="money",
        ),
        "currency": Value(at=("line_item_currency_code",), is_required=True),
        "line_item": Value(
            at=("line_item_usage_type", "line_item_line_item_description", "line_item_line_item_type"), is_required=True
        ),
        "tags": Value(at=("tags", "resource_tags")),
        "resource_id": Value(at=("line_item_resource_id",)),
        "resource_hours": Value(
            sql="case when v_category = 'usage' and lower(v_pricing_unit) = 'hrs' and v_amount_used >= 0"
            " and lower(t_category) not like '%discount' then v_amount_used end"
        ),
        "service_provider": Value(sql="'aws'"),
        "is_ai": Value(sql=_IS_AI),
        "host": Value(sql="case when v_is_ai then 'bedrock' end"),
        "charge_category": Value(sql="v_category"),
        "words": Value(sql=_words_sql()),
        "class": Value(sql=_CLASS),
        "rest": Value(sql=_part(6)),
        "tokens_per_unit": Value(sql=_TOKENS_PER_UNIT),
        "model_id": Value(sql=_model_sql()),
        "meter": Value(sql=_METER),
        "service_tier": Value(
            sql=f"case when v_meter = 'other' then 'standard' when {_has('batch')} then 'batch'"
            f" when {_has('flex')} then 'flex' when {_has('priority')} then 'priority' else 'standard' end"
        ),
        "context_tier": Value(
            sql=f"case when v_meter = 'other' then null when {_has('long-context', 'long-ctx')} then 'long'"
            " else 'default' end"
        ),
        "quantity": Value(sql=_QUANTITY),
        "unit": Value(sql="case when v_meter <> 'other' then 'tokens' else v_pricing_unit end"),
    },
    time_column="charge_start",
    problems=LINE_PROBLEMS,
)

LINE_ITEMS = bill_table(
    "aws_cur",
    "line_items",
    partial(read_mapped, _LAYOUT),
    suffixes=(".csv", ".csv.gz", ".parquet"),
    description="One row per line item of AWS's Cost and Usage Report 2.0, Bedrock's usage types told apart.",
)
