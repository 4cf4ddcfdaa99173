"""What the business reports about itself: tasks, revenue, active users and the providers' invoices.

Files may be sent again: within a table the latest file name, then the latest line, has the last word on an id.
"""

from collections.abc import Mapping
from functools import partial

from sources.business.reader import Field, Sheet, read_sheet
from sources.feed import FeedTable, Rule

OUTCOMES = ("resolved", "unresolved", "unknown", "abandoned")
REVENUE_TYPES = ("subscription", "usage", "credit_note")
LINE_TYPES = ("usage", "credit", "fee", "commitment", "tax")

_TASKS = Sheet(
    fields={
        "task_id": Field(),
        "tenant_id": Field(),
        "feature_id": Field(),
        "task_type": Field(),
        "started_at": Field("moment", is_past=True),
        "ended_at": Field("moment", is_optional=True, is_past=True),
        "outcome": Field("word", is_optional=True, words=OUTCOMES),
        "reopened_at": Field("moment", is_optional=True, is_past=True),
    },
    time_column="started_at",
    orders=(("started_at", "ended_at"), ("ended_at", "reopened_at")),
)
_REVENUE = Sheet(
    fields={
        "revenue_id": Field(),
        "tenant_id": Field(),
        "product_id": Field(),
        "plan": Field(is_optional=True),
        "type": Field("word", words=REVENUE_TYPES),
        "service_from": Field("date"),
        "service_to": Field("date"),
        "amount_ex_tax": Field("money"),
        "currency": Field("currency"),
    },
    time_column="service_from",
    orders=(("service_from", "service_to"),),
)
_ACTIVE_USERS = Sheet(
    fields={
        "activity_date": Field("date", is_past=True),
        "tenant_id": Field(),
        "product_id": Field(),
        "user_id": Field("user"),
    },
    time_column="activity_date",
)
_INVOICES = Sheet(
    fields={
        "invoice_id": Field(),
        "service_provider": Field(),
        "billing_account_id": Field(),
        "billing_period_start": Field("date"),
        "billing_period_end": Field("date"),
        "issued_at": Field("moment_or_date"),
        "line_type": Field("word", words=LINE_TYPES),
        "amount_ex_tax": Field("money"),
        "currency": Field("currency"),
        "description": Field(is_optional=True),
    },
    time_column="issued_at",
    orders=(("billing_period_start", "billing_period_end"),),
)


def _contract(sheet: Sheet) -> Mapping[str, Rule]:
    rules = {}
    for (name, field), column in zip(sheet.fields.items(), sheet.columns, strict=False):
        allowed = frozenset(field.words) if field.words else None
        rules[column if field.kind == "user" else name] = Rule(is_required=not field.is_optional, allowed=allowed)
    return {**rules, "file_hash": Rule(is_required=True), "row_number": Rule(is_required=True, minimum=2)}


def _feed_table(table: str, sheet: Sheet, description: str) -> FeedTable:
    return FeedTable(
        feed="business",
        table=table,
        reader_version=2,
        columns=sheet.columns,
        identity="snapshot",
        suffixes=(".csv", ".csv.gz"),
        read=partial(read_sheet, sheet),
        contract=_contract(sheet),
        description=description,
        replaces_same_name=True,
    )


TASKS = _feed_table("tasks", _TASKS, "One row per report of a task: when it started and ended, and how.")
REVENUE = _feed_table("revenue", _REVENUE, "One row per report of a revenue line and the days it was for.")
ACTIVE_USERS = _feed_table("active_users", _ACTIVE_USERS, "One row per reported day, tenant, product and active user.")
INVOICES = _feed_table("invoices", _INVOICES, "One row per line of a provider's invoice, before tax.")
