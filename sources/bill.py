"""What every cloud bill becomes in the lake: one row per line of the bill, the amounts as the provider billed them.

OpenAI's and Anthropic's cost reports have tables of their own. A bill feed's mapping names the places of these columns;
a line of an AI service whose meter the mapping does not know keeps its text and is meter `other`, never a guess.
"""

from collections.abc import Mapping

from sources.feed import PROVENANCE_COLUMNS, FeedTable, Reader, Rule

TOKEN_METERS = (
    "input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "input_audio", "input_image", "output",
    "output_audio", "output_image",
)  # fmt: skip
# One meter for all models of a family, in units that are money: the calls' contracted cost says which carries what.
CLAUDE_UNITS = "claude_consumption_unit"
METERS = frozenset((*TOKEN_METERS, "search", CLAUDE_UNITS, "other"))
TIERS = frozenset(("standard", "batch", "flex", "priority", "fast"))
CHARGE_CATEGORIES = frozenset(("usage", "credit", "fee", "tax", "commitment", "other"))
CONTEXT_TIERS = frozenset(("default", "long"))

# Lake columns of a bill table, in the order of the Parquet.
BILL_COLUMNS: Mapping[str, str] = {
    "retrieved_at": "TIMESTAMP",
    # Who bills, and who runs the service.
    "service_provider": "VARCHAR",
    "host": "VARCHAR",
    "billing_account_id": "VARCHAR",
    # The account, subscription or project under the billing account.
    "billing_scope_id": "VARCHAR",
    "invoice_id": "VARCHAR",
    "billing_period_start": "TIMESTAMP",
    "billing_period_end": "TIMESTAMP",
    "charge_start": "TIMESTAMP",
    "charge_end": "TIMESTAMP",
    "charge_category": "VARCHAR",
    "is_ai": "BOOLEAN",
    "model_id": "VARCHAR",
    "service_tier": "VARCHAR",
    "context_tier": "VARCHAR",
    "region": "VARCHAR",
    "meter": "VARCHAR",
    # Tokens, searches or units for those meters; null for any other.
    "quantity": "DECIMAL(26,6)",
    "unit": "VARCHAR",
    # The machine or other thing the line is for, and how long it was billed: its own hours, or those of its GPUs.
    "resource_id": "VARCHAR",
    "resource_hours": "DECIMAL(26,6)",
    "gpu_hours": "DECIMAL(26,6)",
    "billed_amount": "DECIMAL(26,12)",
    "list_amount": "DECIMAL(26,12)",
    "contracted_amount": "DECIMAL(26,12)",
    "effective_amount": "DECIMAL(26,12)",
    "currency": "VARCHAR",
    "line_item": "VARCHAR",
    # A JSON object of the tags or labels, spelled as billed.
    "tags": "VARCHAR",
    **PROVENANCE_COLUMNS,
}

BILL_CONTRACT: Mapping[str, Rule] = {
    **{
        name: Rule(is_required=True)
        for name in (
            "retrieved_at", "service_provider", "billing_account_id", "billing_period_start", "billing_period_end",
            "charge_start", "charge_end", "is_ai", "billed_amount", "currency", "line_item", "file_hash",
        )
    },
    "charge_category": Rule(is_required=True, allowed=CHARGE_CATEGORIES),
    "service_tier": Rule(is_required=True, allowed=TIERS),
    "context_tier": Rule(allowed=CONTEXT_TIERS),
    "meter": Rule(is_required=True, allowed=METERS),
    "resource_hours": Rule(minimum=0),
    "gpu_hours": Rule(minimum=0),
    "row_number": Rule(is_required=True, minimum=1),
}  # fmt: skip

# A charge without length, a period turned round: no day could be told for it. Without a rate it could not be added up.
LINE_PROBLEMS = (
    ("charge_end < charge_start", "charge_end", "'is before the start of the charge'"),
    ("billing_period_end <= billing_period_start", "billing_period_end", "'is not after the start of the period'"),
    ("not regexp_full_match(currency, '[A-Z]{3}')", "currency", "'expected a code such as USD'"),
    (
        "not list_contains(getvariable('mapped_currencies'), currency)",
        "currency",
        "'currency ' || currency || ' has no rate in config/fx_rates.csv'",
    ),
)


def bill_table(feed: str, table: str, read: Reader, suffixes: tuple[str, ...], description: str) -> FeedTable:
    return FeedTable(
        feed=feed,
        table=table,
        reader_version=5,
        columns=BILL_COLUMNS,
        identity="snapshot",
        suffixes=suffixes,
        read=read,
        contract=BILL_CONTRACT,
        description=description,
        needs_retrieved_at=True,
        replaces_same_name=True,
    )
