"""Tables that prove a sum: charges and invoices against the ledger, the bridge to tasks, hidden costs, GPU time.

Cells and rounding are those of assets.reports.tables.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from assets.reports import text
from assets.reports.status import placed
from assets.reports.tables import CENTS, Cell, Column, Table, absent, cents, sums
from sources.money import largest_remainder

Row = Mapping[str, Any]
ZERO = Decimal(0)


def account_table(rows: Sequence[Row]) -> Table:
    """The week's charges of each account and where they went; the difference is shown with all its decimals."""
    parts = ("direct_usd", "rule_usd", "idle_usd", "unattributed_usd")
    printed = cents(rows, parts, placed)
    body = [
        (
            Cell(row["service_provider"]),
            Cell(row["billing_account_id"], "quiet"),
            *(Cell(text.usd(amount), "" if amount else "zero") for amount in amounts[1:]),
            Cell(text.usd(amounts[0] + row["charged_usd"] - placed(row)), "strong"),
            _difference(row["charged_usd"] - placed(row)),
            Cell(f"{row['days'] - row['estimated_days']} of {row['days']}"),
        )
        for row, amounts in zip(rows, printed, strict=True)
    ]
    charged = sum((row["charged_usd"] for row in rows), ZERO)
    there = sum((placed(row) for row in rows), ZERO)
    total_printed = sum((amounts[0] for amounts in printed), ZERO)
    return Table(
        name="accounts",
        columns=(
            Column("Provider", is_number=False),
            Column("Billing account", is_number=False),
            Column("To tenants, direct", hint="calls whose tenant is known"),
            Column("By rule", hint="shared charges placed on tenants by an allocation rule"),
            Column("Idle", hint="own hardware that was paid for and served no call"),
            Column("Unattributed", hint="no tenant is known: on the bill, but not in the log or without a tag"),
            Column("Charged", hint="billed where the day's bill is final, contracted price until then"),
            Column("Difference"),
            Column("Days on a final bill"),
        ),
        body=tuple(body),
        total=(
            Cell("Total"),
            Cell(""),
            *sums([amounts[1:] for amounts in printed]),
            Cell(text.usd(total_printed + charged - there)),
            _difference(charged - there),
            Cell(""),
        )
        if rows
        else (),
        empty="There is no charge in this week.",
    )


def _difference(amount: Decimal) -> Cell:
    return Cell(text.usd(ZERO), "band good") if amount == 0 else Cell(text.usd(amount, 12), "band risk")


def invoice_table(rows: Sequence[Row]) -> Table:
    body = []
    for row in rows:
        name = Cell(row["invoice_id"]) if row["invoice_id"] else Cell("not issued yet", "quiet")
        body.append(
            (
                Cell(row["posting_period"]),
                Cell(row["service_provider"]),
                name,
                Cell(text.usd(row["charged_usd"]), "strong"),
                Cell(text.usd(row["placed_usd"])),
                _difference(row["charged_usd"] - row["placed_usd"]),
            )
        )
    return Table(
        name="invoices",
        columns=(
            Column("Month", is_number=False),
            Column("Provider", is_number=False),
            Column("Invoice", is_number=False),
            Column("Charged", hint="without tax"),
            Column("Placed", hint="tenants + rules + unattributed"),
            Column("Difference"),
        ),
        body=tuple(body),
        empty="There is no charge in these months.",
    )


def bridge_table(bridge: Row, cost: Decimal) -> Table:
    """Cost of the week against cost of the tasks that ended in it: tasks straddle weeks, some calls have no task."""
    steps = (
        ("Cost of tasks that ended in the week", bridge["tasks_ended_cost_usd"]),
        ("less what they cost in other weeks", -bridge["other_periods_cost_usd"]),
        ("plus tasks that are still open or ended in another week", bridge["open_tasks_cost_usd"]),
        ("plus calls without a task", bridge["no_task_cost_usd"]),
        ("plus charges of no call: idle capacity, traffic the log has not, fees", cost - bridge["period_cost_usd"]),
    )
    amounts = largest_remainder([amount for _, amount in steps], CENTS)
    body = tuple((Cell(label), Cell(text.usd(a))) for (label, _), a in zip(steps, amounts, strict=True))
    return Table(
        name="bridge",
        columns=(Column("From tasks to the week's cost", is_number=False), Column("USD")),
        body=body,
        total=(Cell("Cost of the week"), Cell(text.usd(sum(amounts, ZERO)))),
    )


HIDDEN = (
    ("retry_cost_usd", "Retries", "the same model was asked again"),
    ("fallback_cost_usd", "Fallbacks", "another model was asked after this one"),
    ("escalation_cost_usd", "Escalations", "a cheaper model was tried first"),
    ("failed_cost_usd", "Failed answers", "the last attempt failed and was billed"),
    ("reasoning_cost_usd", "Hidden reasoning", "thinking tokens, billed as output"),
)


def hidden_cost_table(rows: Sequence[Row], week: date) -> Table:
    now = next((row for row in rows if row["week_start"] == week), None)
    before = next((row for row in rows if row["week_start"] == week - timedelta(days=7)), None)
    body = []
    for key, label, meaning in HIDDEN:
        if now is None:
            break
        body.append(
            (Cell(label), Cell(meaning, "quiet"), Cell(text.usd(now[key]), "strong"), *_shares(now, before, key))
        )
    return Table(
        name="hidden",
        columns=(
            Column("Part", is_number=False),
            Column("Meaning", is_number=False),
            Column("Cost"),
            Column("Of all cost"),
            Column("Change", hint="of the share, on the week before"),
        ),
        body=tuple(body),
        empty="There is no cost in this week.",
    )


def _shares(now: Row, before: Row | None, key: str) -> tuple[Cell, Cell]:
    if not now["effective_cost_usd"]:
        return absent("no cost"), absent("no cost")
    share = now[key] / now["effective_cost_usd"]
    if before is None or not before["effective_cost_usd"]:
        return Cell(text.percent(share)), absent("no cost in the week before")
    return Cell(text.percent(share)), Cell(text.points_signed(share - before[key] / before["effective_cost_usd"]))


def gpu_table(rows: Sequence[Row]) -> Table:
    parts = ("busy_cost_usd", "warm_idle_cost_usd", "other_idle_cost_usd", "unobserved_cost_usd")
    printed = cents(rows, parts, lambda row: row["cost_usd"])
    body = []
    for row, amounts in zip(rows, printed, strict=True):
        provisioned = row["provisioned_seconds"]
        busy = seen = absent("nothing provisioned")
        if provisioned:
            busy = Cell(text.percent(row["busy_seconds"] / provisioned), "strong")
            seen = Cell(text.percent(row["covered_seconds"] / provisioned))
        body.append(
            (
                Cell(row["node_id"]),
                Cell(text.count(row["gpus"])),
                Cell(f"{provisioned / 3600:,.0f}"),
                busy,
                seen,
                Cell(text.usd(amounts[0]), "strong"),
                *(Cell(text.usd(amount), "" if amount else "zero") for amount in amounts[1:]),
            )
        )
    return Table(
        name="gpu",
        columns=(
            Column("Node", is_number=False),
            Column("GPUs"),
            Column("GPU hours", hint="provisioned"),
            Column("Utilisation", hint="busy / provisioned GPU seconds"),
            Column("Observed", hint="share of provisioned time the telemetry covers"),
            Column("Cost"),
            Column("Busy"),
            Column("Warm idle"),
            Column("Other idle", hint="reserved and not there, without a deployment, or left over by cutting GPUs"),
            Column("Unobserved", hint="provisioned time no sample tells about"),
        ),
        body=tuple(body),
        total=(Cell("Total"), *(Cell("") for _ in range(4)), *sums(printed)) if rows else (),
        empty="No GPU is provisioned in this week.",
    )
