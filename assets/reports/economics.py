"""What the report says of product economics: dear contracts, plans by user, and what a right answer costs."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.marts import UNATTRIBUTED
from assets.reports import text
from assets.reports.tables import Cell, Column, Table, absent

Row = Mapping[str, Any]
# Of the metric dictionary: what free users may cost of what the paying ones bring.
FREE_TIER = 0.30
# Those a reader can take in; what is beyond is one row that says how many it holds.
ROWS_SHOWN = 12


def contracts_table(rows: Sequence[Row]) -> Table:
    """Tenants that cost more than they bring, or more of their contract than is healthy; the dearest first."""
    return Table(
        name="contracts",
        columns=(
            Column("Tenant", is_number=False),
            Column("Plan", is_number=False),
            Column("Revenue"),
            Column("Margin", hint="revenue - cost of revenue"),
            Column("Of revenue"),
            Column("Per user", hint="margin / active users of the month"),
            Column("Contract a year", hint="365 times what its subscriptions earn on the month's last day"),
            Column("Cost to contract", hint="cost of a year at this pace / contract; healthy to 10%"),
            Column("Renews", is_number=False, hint="the day after the last one its subscriptions are paid for"),
        ),
        body=tuple(
            (
                Cell(row["tenant_name"]),
                Cell(row["plan"], "quiet"),
                Cell(text.usd(row["revenue_usd"])),
                Cell(text.usd(row["inference_margin_usd"]), "strong"),
                _percent(row["inference_margin"], "no revenue in the month"),
                _usd(row["margin_per_active_user_usd"], "no active user is known"),
                _usd(row["annual_contract_value_usd"], "no subscription on the month's last day"),
                _percent(row["cost_to_acv"], "no subscription on the month's last day"),
                Cell(_day(row["renewal_date"])) if row["renewal_date"] else absent("no subscription is known"),
            )
            for row in rows[:ROWS_SHOWN]
        ),
        total=_more(rows, "tenant", 9),
        empty="No tenant cost more than it brought, or more than a tenth of its contract.",
    )


def plans_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="plans",
        columns=(
            Column("Product", is_number=False),
            Column("Plan", is_number=False),
            Column("Revenue"),
            Column("Cost of revenue"),
            Column("Margin"),
            Column("Of revenue"),
            Column("Users", hint="active in the month"),
            Column("Margin per user"),
            Column("Free of paid", hint="cost of free users / revenue of the product's paying ones; healthy to 30%"),
        ),
        body=tuple(
            (
                Cell(row["product_name"], "unattributed" if row["product_id"] == UNATTRIBUTED else ""),
                Cell(row["plan"]),
                Cell(text.usd(row["revenue_usd"])),
                Cell(text.usd(row["cogs_cost_usd"])),
                Cell(text.usd(row["inference_margin_usd"]), "strong"),
                _percent(row["inference_margin"], "no revenue in the month"),
                Cell(text.count(row["active_users"])),
                _usd(row["margin_per_active_user_usd"], "no active user is known"),
                _free(row),
            )
            for row in rows
        ),
        empty="No month with revenue or cost is over yet.",
    )


def quality_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="quality",
        columns=(
            Column("Feature", is_number=False),
            Column("Class", is_number=False),
            Column("Model", is_number=False, hint="the one that took most of the task's cost"),
            Column("Effort", is_number=False),
            Column("Judged"),
            Column("Right", hint="resolved / judged"),
            Column("From", hint="lower end of its 95% interval"),
            Column("To", hint="upper end"),
            Column("Per answer"),
            Column("Per right answer", hint="with what wrong ones cost to put right"),
        ),
        body=tuple(
            (
                Cell(row["feature_name"], "unattributed" if row["feature_id"] == UNATTRIBUTED else ""),
                Cell(row["task_type"]),
                Cell(row["model"]),
                Cell(row["reasoning_effort"], "quiet"),
                Cell(text.count(row["judged_answers"])),
                *(
                    _percent(row[name], "none was judged")
                    for name in ("correct_answer_rate", "correct_answer_rate_low", "correct_answer_rate_high")
                ),
                Cell(text.unit_usd(row["answer_usd"])),
                Cell(text.unit_usd(row["correct_answer_usd"]), "strong")
                if row["correct_answer_usd"] is not None
                else absent("fewer than 30 were judged, or a wrong one has no cost in tco.yml"),
            )
            for row in rows[:ROWS_SHOWN]
        ),
        total=_more(rows, "combination", 10),
        empty="No task of the month had its outcome told.",
    )


def _more(rows: Sequence[Row], thing: str, columns: int) -> tuple[Cell, ...]:
    rest = len(rows) - ROWS_SHOWN
    return (
        (Cell(f"{text.plural(rest, thing)} more in the mart", "quiet"), *[Cell("")] * (columns - 1)) if rest > 0 else ()
    )


def _free(row: Row) -> Cell:
    if not row["free_cost_usd"]:
        return Cell("")
    ratio = row["free_tier_cost_ratio"]
    if ratio is None:
        return absent("the product has no paying tenant")
    return Cell(text.percent(ratio), "risk" if ratio > FREE_TIER else "ok")


def _percent(share: float | None, reason: str) -> Cell:
    return absent(reason) if share is None else Cell(text.percent(share))


def _usd(amount: Any, reason: str) -> Cell:
    return absent(reason) if amount is None else Cell(text.usd(amount))


def _day(day: Any) -> str:
    return f"{text.day(day)} {day.year}"
