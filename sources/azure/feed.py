"""Azure's cost and usage details (actual cost) of an Enterprise or Microsoft Customer Agreement, version 2024-08-01.

A meter's name tells model, token class, tier and context in one line, spelled anew with every model family:
`gpt-4o-0806-Inp-glbl Tokens`, `GPT 5 Mini cchd Inpt Glbl 1M Tokens`, `5.6 sol LongCo Cd Wr PP DZ 1M Tokens`. A meter
outside of the grammar here leaves the line a charge of its own.
"""

from dataclasses import replace
from pathlib import Path

from sources.bill import BILL_COLUMNS, CHARGE_CATEGORIES, CLAUDE_UNITS, LINE_PROBLEMS, bill_table
from sources.feed import LandedFile, ReadContext, ReadResult
from sources.mapped import Layout, Value, read_mapped
from sources.reading import literal

_CATEGORIES = {
    "usage": "usage",
    "purchase": "commitment",
    "unusedreservation": "commitment",
    "unusedsavingsplan": "commitment",
    "refund": "credit",
    "tax": "tax",
    "adjustment": "other",
    "roundingadjustment": "other",
}
_INPUT = ("inp", "inpt", "input", "in")
_OUTPUT = ("outp", "outpt", "output", "opt", "out")
_CACHED = ("cached", "cchd", "ccchd", "cache", "cach", "cd", "ch")
_TIERS = {"batch": ("batch",), "flex": ("flex", "fl"), "priority": ("pp",)}
_LONG, _SHORT = ("longco", "longctx"), ("shortco", "shco")
_PLACES = ("glbl", "global", "gl", "regional", "regnl", "rgnl", "regn", "datazone", "dzone", "dzn", "dz")
_TAIL = (
    *_INPUT, *_OUTPUT, *_CACHED, "wr", *(word for words in _TIERS.values() for word in words), *_LONG, *_SHORT,
    *_PLACES, "std", "1m", "tokens",
)  # fmt: skip
# The model's words, then the others in any order.
_GRAMMAR = f"^(.+?)(( ({'|'.join(_TAIL)}))+)$"
# Prices of their own, for models of the same name.
_NOT_TEXT = (
    "(^| )(aud|audio|txt|text|img|image|rt|realtime|tts|transcribe|tcrb|ft|sora|vid|speech|whisper)[a-z0-9]*( |$)"
)
# What the names of a product's meters leave out in front of the model.
_FAMILIES = {
    "azure openai oss models": ("gpt-oss-", "gpt"),
    "azure grok models": ("grok-", "grok"),
    "azure deepseek models": ("deepseek-", "deepseek"),
}
# Meters name a version by month and day alone.
_VERSIONS = {
    "2024": ("0513", "0718", "0806", "0912", "1120", "1217"),
    "2025": ("0131", "0416", "0807"),
}


def _words_sql() -> str:
    """The meter's words, lower case, one blank between them; words that some meters write together taken apart."""
    words = "regexp_replace(lower(v_meter_name), '[ _-]+', ' ', 'g')"
    for together, apart in (
        ("data zone", "datazone"),
        ("batchoutp", "batch outp"),
        ("batchinp", "batch inp"),
        ("gpt4omini", "gpt 4o mini"),
        ("gpt4o", "gpt 4o"),
    ):
        words = f"replace({words}, {literal(together)}, {literal(apart)})"
    # 54 mini, 56sol: the point of the version is left out; mini0718: the blank before it.
    words = rf"regexp_replace({words}, '^([5-9])([1-9]) ?([a-z])', '\1.\2 \3')"
    return rf"regexp_replace({words}, '([a-z])([0-9]{{4}}) ', '\1 \2 ')"


def _has(*words: str) -> str:
    return f"coalesce(regexp_matches(v_tail, ' ({'|'.join(words)})( |$)'), false)"


def _model_sql() -> str:
    """The model's words as the id that Azure's deployments use."""
    name = "replace(v_model_words, ' ', '-')"
    for year, month_days in _VERSIONS.items():
        name = rf"regexp_replace({name}, '-({'|'.join(month_days)})$', '-{year}\1')"
    name = rf"regexp_replace({name}, '-(20[0-9]{{2}})([0-9]{{2}})([0-9]{{2}})$', '-\1-\2-\3')"
    families = " ".join(
        f"when v_product = {literal(product)} and not starts_with({name}, {literal(start)})"
        f" then {literal(prefix)} || {name}"
        for product, (prefix, start) in _FAMILIES.items()
    )
    return f"""case
        when v_class is null then null
        {families}
        when regexp_matches({name}, '^[0-9]') then 'gpt-' || {name}
        else {name}
    end"""


_CLASS = f"""case
    when not (v_product like 'azure openai%' or v_product in ({", ".join(map(literal, _FAMILIES))})) then null
    when v_model_words like 'text embedding %' then 'input_uncached'
    when regexp_matches(v_model_words, {literal(_NOT_TEXT)}) then null
    when {_has(*_OUTPUT)} and not {_has(*_INPUT)} and not {_has(*_CACHED)} then 'output'
    when {_has(*_OUTPUT)} then null
    when {_has(*_CACHED)} and {_has("wr")} then 'cache_write_5m'
    when {_has("wr")} then null
    when {_has(*_CACHED)} then 'cache_read'
    when {_has(*_INPUT)} then 'input_uncached'
end"""
_BLOCK = """case regexp_replace(lower(v_pricing_unit), ' tokens?$', '')
    when '1' then 1
    when '100' then 100
    when '1k' then 1000
    when '10k' then 10000
    when '100k' then 100000
    when '1m' then 1000000
end"""
# Some files count tokens, others blocks of the unit of measure. The price is always one of the unit of measure, so the
# cost tells which, a discount or two aside.
_BLOCKS_PAID = (
    "cast(v_priced_amount as double) / nullif(cast(v_amount_used as double) * cast(v_unit_price as double), 0)"
)
_TOKENS_PER_QUANTITY = """case
    when v_blocks_paid between 0.1 and 10 then v_block
    when v_blocks_paid * v_block between 0.1 and 10 then 1
end"""
# All Claude models of Foundry, their classes and tiers, are one meter of the Marketplace.
_IS_CLAUDE = "coalesce(regexp_matches(v_words, '(^| )(claude consumption units?|ccus?)( |$)'), false)"
_METER = f"""case
    when v_charge_category <> 'usage' or v_tokens_per_quantity is null then 'other'
    when {_IS_CLAUDE} then {literal(CLAUDE_UNITS)}
    when v_model_id is null then 'other'
    else v_class
end"""

_TIER = "case when v_meter = 'other' then 'standard'{} else 'standard' end".format(
    "".join(f" when {_has(*words)} then {literal(tier)}" for tier, words in _TIERS.items())
)


def _at(name: str) -> tuple[str, ...]:
    """Enterprise Agreements begin a column with a capital letter, Customer Agreements most."""
    return (f"{name[0].lower()}{name[1:]}", f"{name[0].upper()}{name[1:]}")


def _day(name: str) -> Value:
    return Value(_at(name), "moment", is_required=True, formats=("%m/%d/%Y", "%Y-%m-%d"))


_LAYOUT = Layout(
    columns=BILL_COLUMNS,
    values={
        "meter_name": Value(_at("meterName")),
        "meter_category": Value(_at("meterCategory")),
        "sub_category": Value(_at("meterSubCategory")),
        "consumed_service": Value(_at("consumedService")),
        "pricing_unit": Value(_at("unitOfMeasure")),
        "amount_used": Value(_at("quantity"), "money"),
        "unit_price": Value((*_at("unitPrice"), *_at("payGPrice")), "money"),
        # Customer Agreements price in a currency of their own.
        "priced_amount": Value((*_at("costInPricingCurrency"), *_at("costInBillingCurrency")), "money"),
        "said_account": Value(_at("billingAccountId"), is_required=True),
        "billing_scope_id": Value((*_at("subscriptionId"), "SubscriptionGuid")),
        "invoice_id": Value(_at("invoiceId")),
        "billing_period_start": _day("billingPeriodStartDate"),
        "last_day": _day("billingPeriodEndDate"),
        "charge_start": _day("date"),
        "charge_category": Value(
            _at("chargeType"), is_required=True, spellings=_CATEGORIES, allowed=CHARGE_CATEGORIES, is_closed=True
        ),
        "region": Value((*_at("resourceLocation"), *_at("meterRegion"))),
        "billed_amount": Value(_at("costInBillingCurrency"), "money", is_required=True),
        "list_amount": Value(_at("paygCostInBillingCurrency"), "money"),
        "currency": Value((*_at("billingCurrency"), *_at("billingCurrencyCode")), is_required=True),
        "line_item": Value((*_at("meterName"), *_at("productName"), *_at("chargeType")), is_required=True),
        # Older exports leave the braces of the object out.
        "said_tags": Value(_at("tags")),
        "tags": Value(sql="case when v_said_tags like '\"%' then '{' || v_said_tags || '}' else v_said_tags end"),
        "said_resource": Value((*_at("resourceId"), "InstanceId")),
        "service_provider": Value(sql="'azure'"),
        "host": Value(sql="'azure'"),
        # Exports of single subscriptions each replace their own past only.
        "billing_account_id": Value(sql="coalesce(getvariable('mapped_account_id'), v_said_account)"),
        "billing_period_end": Value(sql="v_last_day + interval 1 day"),
        "charge_end": Value(sql="v_charge_start + interval 1 day"),
        "effective_amount": Value(sql="v_billed_amount"),
        "is_ai": Value(
            sql="coalesce(lower(v_meter_category) in ('foundry models', 'azure openai'), false)"
            " or coalesce(lower(v_consumed_service) = 'microsoft.cognitiveservices', false)"
        ),
        # The machine's name: the last step of its path.
        "resource_id": Value(sql="nullif(regexp_extract(v_said_resource, '[^/]+$'), '')"),
        "resource_hours": Value(
            sql="case when v_charge_category = 'usage' and lower(v_meter_category) = 'virtual machines'"
            " and lower(v_pricing_unit) in ('1 hour', '1 hours') and v_amount_used >= 0 then v_amount_used end"
        ),
        "product": Value(sql="lower(v_sub_category)"),
        "words": Value(sql=_words_sql()),
        "model_words": Value(sql=f"nullif(regexp_extract(v_words, {literal(_GRAMMAR)}, 1), '')"),
        "tail": Value(sql=f"regexp_extract(v_words, {literal(_GRAMMAR)}, 2)"),
        "class": Value(sql=_CLASS),
        "block": Value(sql=_BLOCK),
        "blocks_paid": Value(sql=_BLOCKS_PAID),
        "tokens_per_quantity": Value(sql=_TOKENS_PER_QUANTITY),
        "model_id": Value(sql=_model_sql()),
        "meter": Value(sql=_METER),
        "service_tier": Value(sql=_TIER),
        "context_tier": Value(
            sql=f"case when v_meter in ('other', {literal(CLAUDE_UNITS)}) then null"
            f" when {_has(*_LONG)} then 'long' else 'default' end"
        ),
        "quantity": Value(sql="case when v_meter <> 'other' then v_amount_used * v_tokens_per_quantity end"),
        "unit": Value(
            sql=f"case when v_meter in ('other', {literal(CLAUDE_UNITS)}) then v_pricing_unit else 'tokens' end"
        ),
    },
    time_column="charge_start",
    problems=LINE_PROBLEMS,
)


def _read(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    # Only a folder right under cost_details names an account: deeper ones are those the export itself makes.
    is_deeper = file.path.parent.parent.name != file.table and file.path.parent.name != file.table
    landed = replace(file, account_id=None) if is_deeper else file
    return read_mapped(_LAYOUT, landed, context, out_parquet, out_rejects)


COST_DETAILS = bill_table(
    "azure",
    "cost_details",
    _read,
    suffixes=(".csv", ".csv.gz", ".parquet"),
    description="One row per charge of Azure's cost and usage details, the meters of its language models told apart.",
)
