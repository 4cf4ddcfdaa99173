"""What the report says of the months ahead: the company by line, its products, and how far to trust it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from markupsafe import Markup

from assets.reports import charts, text
from assets.reports.queries import FORECAST_LINES
from assets.reports.tables import CENTS, Cell, Column, Table, absent
from sources.money import largest_remainder

Row = Mapping[str, Any]
ZERO = Decimal(0)
LABELS = {
    "base": "Base",
    "other_charges": "Other charges",
    "planned_growth": "Planned growth",
    "price_compression": "Falling prices",
    "growth_reserve": "Growth reserve",
    "hidden_costs": "Hidden costs",
}
HINTS = {
    "base": "traffic and contracted prices of today, held flat",
    "other_charges": "what no price of a call explains: own GPUs, fees, what bills add or take off",
    "planned_growth": "of the base, as tco.yml says",
    "price_compression": "of base and planned growth, by forecast of inferledger.yml",
    "growth_reserve": "of the base, for growth nobody planned",
    "hidden_costs": "of the base: retries, evaluation, what stands on no price list",
}


def months_table(rows: Sequence[Row]) -> Table:
    """One row per month of the company, by line; `rows` are one per month and line, in order."""
    months = [(month, list(of)) for month, of in groupby(rows, key=lambda row: row["month_start"])]
    body = tuple((Cell(f"{month:%b %Y}"), *_month(of)) for month, of in months)
    return Table(
        name="forecast",
        columns=(
            Column("Month", is_number=False),
            *(Column(LABELS[line], hint=HINTS[line]) for line in FORECAST_LINES),
            Column("Total"),
            Column("Low", hint="nine in ten origins of the back-test were no further off; later months are wider"),
            Column("High"),
        ),
        body=body,
        empty="There is no usage to forecast from yet.",
    )


def _month(lines: Sequence[Row]) -> list[Cell]:
    """The lines and their total in cents, such that they add up as printed."""
    amounts = [row["amount_usd"] for row in lines]
    if None in amounts:
        return [absent(lines[0]["reason"])] * (len(lines) + 3)
    shown = largest_remainder(amounts, CENTS)
    cells = [Cell(_signed(amount), "" if amount else "zero") for amount in shown]
    return [*cells, Cell(text.usd(sum(shown, ZERO)), "strong"), _sum(lines, "low_usd"), _sum(lines, "high_usd")]


def months_chart(rows: Sequence[Row]) -> Markup | str:
    """The months that are over and those ahead; nothing where there is no forecast."""
    if not any(row["is_forecast"] and row["amount_usd"] is not None for row in rows):
        return ""
    return charts.cost_by_month(
        [
            charts.MonthBar(row["month_start"], row["amount_usd"], row["low_usd"], row["high_usd"], row["is_forecast"])
            for row in rows
        ]
    )


def products_table(rows: Sequence[Row]) -> Table:
    """Twelve months of the company and of each product, the dearest first; `rows` are sums of their lines."""
    parts = [row for row in rows if row["scope"] == "product" and row["total_usd"] is not None]
    shown = largest_remainder([row["total_usd"] for row in parts], CENTS)
    totals = {"company": sum(shown, ZERO)} | {row["scope_id"]: usd for row, usd in zip(parts, shown, strict=True)}
    body = tuple(
        (
            Cell(row["name"], "strong" if row["scope"] == "company" else ""),
            _known(row, row["base_usd"], text.usd),
            absent(row["reason"]) if row["total_usd"] is None else Cell(text.usd(totals[row["scope_id"]]), "strong"),
            *(_known(row, row[name], text.usd) for name in _OF_THE_YEAR),
            _known(row, row["back_test_error"], text.percent),
            _known(row, row["seasonal_naive_error"], text.percent),
        )
        for row in rows
    )
    return Table(
        name="forecast-products",
        columns=(
            Column("Of", is_number=False),
            Column("Base"),
            Column("Total"),
            Column("Low"),
            Column("High"),
            Column("Floor", hint="of the base: every day a P50 day of the last quarter"),
            Column("To P95", hint="of the base: what it takes above the floor to have every day a P95 day"),
            Column("To P99"),
            Column("Error", hint="of the back-test: what it was off 28 days ahead / what they cost (WAPE)"),
            Column("Last week", hint="the same of the seasonal naive forecast"),
        ),
        body=body,
        empty="There is no product to forecast yet.",
    )


def in_words(company: Sequence[Row]) -> list[str]:
    """What the year will cost, from what, and how far the method was off; or why there is no forecast."""
    if not company:
        return []
    first = company[0]
    if first["amount_usd"] is None:
        return [f"There is no forecast: {first['reason']}."]
    total = sum((row["amount_usd"] for row in company), ZERO)
    said = f"Twelve months from {text.month(first['month_start'])} will cost about {text.usd(total)}"
    if first["low_usd"] is not None:
        low, high = (sum((row[name] for row in company), ZERO) for name in ("low_usd", "high_usd"))
        said += f" ({text.usd(low)} to {text.usd(high)})"
    basis = text.day(first["basis_date"])
    words = [f"{said}: an estimate from traffic to {basis} at the latest contracted prices."]
    if first["back_test_error"] is not None:
        words.append(
            f"Tried on {text.plural(first['back_test_origins'], 'week')} of the past it was "
            f"{text.percent(first['back_test_error'])} off 28 days ahead, taking the last week again "
            f"{text.percent(first['seasonal_naive_error'])}."
        )
    if first["reason"]:
        words.append(f"It is {first['reason']}." if first["method"] == "seasonal_naive" else f"{first['reason']}.")
    return words


def plan_table(rows: Sequence[Row]) -> Table:
    """The latest plan against what is posted and expected, by quarter and account of the general ledger."""
    body = tuple(
        (
            Cell(f"Q{(row['quarter_start'].month + 2) // 3} {row['quarter_start'].year}"),
            Cell(row["account"]),
            Cell(text.count(row["months"])),
            Cell(text.usd(row["planned_usd"])),
            _posted(row),
            _known(row, row["outlook_usd"], text.usd),
            _known(row, row["difference_usd"], text.usd_signed),
        )
        for row in rows
    )
    return Table(
        name="plan",
        columns=(
            Column("Quarter", is_number=False),
            Column("Account", is_number=False),
            Column("Months", hint="of the quarter that the plan has"),
            Column("Planned"),
            Column("Posted", hint="expense of the journals, estimates accrued"),
            Column(
                "Outlook",
                hint="what is posted of complete months, else the forecast without its reserve",
            ),
            Column("Difference", hint="outlook less plan"),
        ),
        body=body,
        empty="No plan is saved for this quarter or the next: inferledger forecast --save-plan adds one.",
    )


_OF_THE_YEAR = ("low_usd", "high_usd", "steady_floor_usd", "spike_reserve_p95_usd", "spike_reserve_p99_usd")


def _posted(row: Row) -> Cell:
    return absent("nothing is posted yet") if row["actual_usd"] is None else Cell(text.usd(row["actual_usd"]))


def replan_table(rows: Sequence[Row]) -> Table:
    """What asks for another plan, the company's first."""
    return Table(
        name="replan",
        columns=(Column("Of", is_number=False), Column("Why", is_number=False)),
        body=tuple((Cell(row["name"]), Cell(row["words"], "strong")) for row in rows),
        empty="Nothing asks for another plan.",
    )


def _sum(rows: Sequence[Row], name: str) -> Cell:
    if any(row[name] is None for row in rows):
        return absent("no back-test to tell it from")
    return Cell(text.usd(sum((row[name] for row in rows), ZERO)))


def _known(row: Row, value: Any, write: Any) -> Cell:
    return absent(row["reason"] or "nothing to tell it from") if value is None else Cell(write(value))


def _signed(amount: Decimal) -> str:
    return text.usd_signed(amount) if amount < 0 else text.usd(amount)
