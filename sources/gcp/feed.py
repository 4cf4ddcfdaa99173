"""Google Cloud's billing export from BigQuery (standard or detailed usage cost), with the SKUs of Gemini's tokens.

A SKU's description tells model, kind of token, context and tier. Vertex AI and the Gemini API each have a grammar:
`Gemini 2.5 Flash GA Text Input (Long) - Predictions`, ` Gemini 2.5 Pro Input Text Caching`, `Generate content cached
input token count gemini 3.5 flash text`. A SKU outside of both leaves the line a charge of its own.
"""

from functools import partial

from sources.bill import BILL_COLUMNS, CHARGE_CATEGORIES, LINE_PROBLEMS, bill_table
from sources.mapped import Layout, Value, read_mapped
from sources.reading import literal

_AI_SERVICES = "('vertex ai', 'gemini api', 'generative language api')"
_CATEGORIES = {
    "regular": "usage",
    "tax": "tax",
    "adjustment": "other",
    "rounding_error": "other",
    "rounding error": "other",
}
_KIND = "text|audio|image|video"
_AFTER = "cached|caching|short|long|non|thinking|on|off|peak|batch|flex|priority|predictions"
# Model, kind of token, direction, and words in any order that say cache, context and tier.
_GRAMMAR = f"^(gemini .+?)(?: (?:global|regional|ga|thinking))* ({_KIND}) (input|output)((?: (?:{_AFTER}))*)$"
# The Gemini API puts the model last: the kind before the direction, or behind the model.
_KIND_FIRST = (
    f"^generate content ({_KIND}) (cached )?(input|output) token count (?:for )?(gemini .+?)((?: (?:{_AFTER}))*)$"
)
_KIND_LAST = (
    "^generate content (cached )?(input|output) token count (?:for )?(gemini .+?)( short| long)?(?: input| output)?"
    f" ({_KIND})((?: (?:{_AFTER}))*)$"
)
_TIERS = ("batch", "flex", "priority")


def _words_sql() -> str:
    """The SKU's words, lower case, one blank between them, in the order of Vertex AI's."""
    words = "trim(regexp_replace(lower(v_line_item), '[ _()-]+', ' ', 'g'))"
    words = rf"regexp_replace({words}, {literal(_KIND_FIRST)}, '\4 \1 \3 \2\5')"
    words = rf"regexp_replace({words}, {literal(_KIND_LAST)}, '\3 \5 \2 \1\4\6')"
    words = rf"regexp_replace({words}, ' input ({_KIND}) caching', ' \1 input caching')"
    return f"trim(regexp_replace({words}, ' +', ' ', 'g'))"


def _part(group: int) -> str:
    return f"nullif(regexp_extract(v_words, {literal(_GRAMMAR)}, {group}), '')"


def _has(*words: str) -> str:
    return f"coalesce(regexp_matches(v_rest, ' ({'|'.join(words)})( |$)'), false)"


def _model_sql() -> str:
    """The model's words as its id. Gemini 3 is billed as 3.0 and called by the names of its previews."""
    name = f"regexp_replace(replace({_part(1)}, ' ', '-'), '^gemini-3\\.0-', 'gemini-3-')"
    previewed = rf"regexp_replace({name}, '^(gemini-(3-flash|3(\.1)?-pro))$', '\1-preview')"
    return f"case when v_class is not null then {previewed} end"


# Cached tokens of any kind are one class. What Vertex AI counts of Gemini 1 are characters.
_CLASS = f"""case
    when not v_is_ai or v_words like 'gemini 1.%' then null
    when {_part(3)} = 'output' then case {_part(2)}
        when 'text' then 'output' when 'audio' then 'output_audio' when 'image' then 'output_image'
    end
    when {_has("cached", "caching")} then 'cache_read'
    else case {_part(2)}
        when 'text' then 'input_uncached' when 'audio' then 'input_audio' when 'image' then 'input_image'
    end
end"""
# A token is a count or, in the export's word, a request.
_METER = """case
    when v_charge_category <> 'usage' or v_class is null
        or coalesce(lower(v_usage_unit) not in ('count', 'requests', 'tokens'), true) then 'other'
    else v_class
end"""
_TIER = "case when v_meter = 'other' then 'standard'{} else 'standard' end".format(
    "".join(f" when {_has(tier)} then {literal(tier)}" for tier in _TIERS)
)
# Exactly what the line's credits take off, each a number in a list of objects; null where one of them is none.
_CREDITS = """case
    when coalesce(v_credits, '[]') = '[]' then cast(0 as decimal(26, 12))
    when len(list_filter(v_credit_amounts, lambda amount: amount is null)) > 0 then null
    else cast(list_sum(v_credit_amounts) as decimal(26, 12))
end"""
_CREDIT_AMOUNTS = """list_transform(
    try(json_extract_string(v_credits, '$[*]')),
    lambda credit: try_cast(json_extract_string(credit, '$.amount') as decimal(26, 12))
)"""

# The labels, a list of key and value, as one object.
_TAGS = """'{' || nullif(array_to_string(list_transform(
    try(json_extract(v_labels, '$[*]')),
    lambda label: json_extract(label, '$.key') || ':' || coalesce(json_extract(label, '$.value'), 'null')
), ','), '') || '}'"""


def _moment(place: str) -> Value:
    return Value((place,), "moment", is_required=True, formats=("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S.%f UTC"))


_LAYOUT = Layout(
    columns=BILL_COLUMNS,
    values={
        "billing_account_id": Value(("/billing_account_id",), is_required=True),
        "billing_scope_id": Value(("/project/id",)),
        "service": Value(("/service/description",)),
        "line_item": Value(("/sku/description", "/service/description", "/cost_type"), is_required=True),
        "charge_start": _moment("/usage_start_time"),
        "charge_end": _moment("/usage_end_time"),
        "billing_period_start": Value(("/invoice/month",), "moment", is_required=True, formats=("%Y%m",)),
        "charge_category": Value(
            ("/cost_type",), is_required=True, spellings=_CATEGORIES, allowed=CHARGE_CATEGORIES, is_closed=True
        ),
        "cost": Value(("/cost",), "money", is_required=True),
        "credits": Value(("/credits",)),
        "list_amount": Value(("/cost_at_list",), "money"),
        "currency": Value(("/currency",), is_required=True),
        "amount_used": Value(("/usage/amount",), "money"),
        "usage_unit": Value(("/usage/unit",)),
        "region": Value(("/location/region", "/location/location")),
        "resource_id": Value(("/resource/name",)),
        "labels": Value(("/labels",)),
        "tags": Value(sql=_TAGS),
        "service_provider": Value(sql="'google'"),
        "is_ai": Value(sql=f"coalesce(lower(v_service) in {_AI_SERVICES}, false)"),
        "host": Value(sql="case when lower(v_service) = 'vertex ai' then 'vertex' when v_is_ai then 'direct' end"),
        "billing_period_end": Value(sql="v_billing_period_start + interval 1 month"),
        "credit_amounts": Value(sql=_CREDIT_AMOUNTS),
        "credited": Value(sql=_CREDITS),
        "billed_amount": Value(sql="cast(v_cost + v_credited as decimal(26, 12))"),
        "contracted_amount": Value(sql="v_cost"),
        "effective_amount": Value(sql="v_billed_amount"),
        "words": Value(sql=_words_sql()),
        "rest": Value(sql=_part(4)),
        "class": Value(sql=_CLASS),
        "model_id": Value(sql=_model_sql()),
        "meter": Value(sql=_METER),
        "service_tier": Value(sql=_TIER),
        "context_tier": Value(
            sql=f"case when v_meter = 'other' then null when {_has('long')} then 'long' else 'default' end"
        ),
        "quantity": Value(sql="case when v_meter <> 'other' then v_amount_used end"),
        # Cores, memory and GPUs of a machine are lines of their own.
        "gpu_hours": Value(
            sql="case when v_charge_category = 'usage'"
            " and regexp_matches(lower(v_line_item), '(^|[^a-z])gpu([^a-z]|$)')"
            " and lower(v_usage_unit) = 'seconds' and v_amount_used >= 0"
            " then cast(cast(v_amount_used as double) / 3600 as decimal(26, 6)) end"
        ),
        "unit": Value(sql="case when v_meter <> 'other' then 'tokens' else v_usage_unit end"),
    },
    time_column="charge_start",
    problems=(
        ("billed_amount is null", "credits", "'expected a list of objects, each with a decimal number as its amount'"),
        *LINE_PROBLEMS,
    ),
)

BILLING_EXPORT = bill_table(
    "gcp",
    "billing_export",
    partial(read_mapped, _LAYOUT),
    suffixes=(".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz", ".json", ".parquet"),
    description="One row per line of Google Cloud's billing export, credits taken off, Gemini's tokens told apart.",
)
