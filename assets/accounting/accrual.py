"""The month-end accrual memo: what to accrue for a period, how much of it is estimated, how good the last one was.

Amounts are effective costs (accrual basis). accrual.csv has them exactly, accrual.md to the cent for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from assets.accounting.history import recorded_totals
from assets.accounting.snapshots import first_day, month_before, period_of
from assets.exports import ExportError
from assets.exports.files import replace_file
from assets.exports.safe_csv import to_csv
from assets.marts import open_marts, rows
from assets.publish import DATABASE
from sources.home import Home

_AMOUNTS = ("anchored_usd", "estimated_usd", "corrections_usd", "accrual_usd")
HEADER = ("posting_period", "service_provider", "billing_account_id", "cost_center", *_AMOUNTS)
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Accrual:
    """The memo's lines, and the month before: estimated at its end against what it is now, by account."""

    period: str
    # Of what was used in the month itself; None where only corrections are posted in it.
    last_day: date | None
    lines: list[dict[str, Any]]
    month_before: str
    last_month: list[dict[str, Any]]
    paths: list[Path]

    def total(self, name: str) -> Decimal:
        return sum((line[name] for line in self.lines), Decimal(0))


_LINES = """
    select posting_period, service_provider, billing_account_id, cost_center,
        coalesce(sum(effective_amount_usd) filter (where posted_status = 'anchored'), 0) as anchored_usd,
        coalesce(sum(effective_amount_usd) filter (where posted_status = 'estimated'), 0) as estimated_usd,
        coalesce(sum(effective_amount_usd) filter (where posted_status = 'correction'), 0) as corrections_usd,
        sum(effective_amount_usd) as accrual_usd
    from fct_allocations
    where posting_period = $period
    group by all
    order by service_provider, billing_account_id, cost_center nulls last
"""
_LAST_DAY = """
    select max(usage_date) as day from fct_allocations where posting_period = $period and posted_status <> 'correction'
"""
# What the first record after the month ended left to stand was accrued: a record holds only what changed, maybe nothing
# of the month. Where there is none, what the first that knows the month said.
_LAST_MONTH = """
    with ends as (
        select greatest(
            min(recorded_at) filter (where recorded_at >= $next_month),
            min(recorded_at) filter (where usage_month = $month)
        ) as recorded_at
        from recorded_totals
    )
    select service_provider, billing_account_id, any_value(ends.recorded_at) as estimated_at,
        coalesce(sum(effective_amount_usd) filter (where totals.recorded_at <= ends.recorded_at), 0) as estimate_usd,
        sum(effective_amount_usd) as actual_usd, actual_usd - estimate_usd as error_usd
    from recorded_totals as totals
    cross join ends
    where usage_month = $month
    group by service_provider, billing_account_id
    order by service_provider, billing_account_id
"""


def write_accrual(home: Home, period: str, out: Path | None = None) -> Accrual:
    """Write accrual.csv and accrual.md of one posting period, from the published marts and their history."""
    period_of(period)
    before = month_before(period)
    with open_marts(home.published / DATABASE) as connection:
        lines = rows(connection, _LINES, {"period": period})
        if not lines:
            raise ExportError(f"{period}: nothing is posted in it")
        [last] = rows(connection, _LAST_DAY, {"period": period})
        recorded_totals(connection, home)
        last_month = rows(connection, _LAST_MONTH, {"month": before, "next_month": first_day(period)})
    folder = out or home.reports / period
    paths = [folder / "accrual.csv", folder / "accrual.md"]
    accrual = Accrual(period, last["day"], lines, before, last_month, paths)
    table, memo = accrual.paths
    replace_file(table, to_csv(HEADER, [[line[name] for name in HEADER] for line in lines]))
    replace_file(memo, _memo(accrual).encode())
    return accrual


def _memo(accrual: Accrual) -> str:
    estimated, total = accrual.total("estimated_usd"), accrual.total("accrual_usd")
    parts = [
        f"# Accrual of {accrual.period}",
        f"To accrue: {_usd(total)} USD. Of it {_usd(estimated)} USD is estimated at contracted prices, as its bill is"
        f" not final; {_usd(accrual.total('corrections_usd'))} USD corrects closed periods. Effective, without tax."
        + (f" Usage up to {accrual.last_day}." if accrual.last_day else ""),
        _table(
            ("provider", "account", "cost center", "anchored USD", "estimated USD", "corrections USD", "accrual USD"),
            [
                [line["service_provider"], line["billing_account_id"], line["cost_center"] or "-"]
                + [_usd(line[name]) for name in _AMOUNTS]
                for line in accrual.lines
            ]
            + [["all", "", "", *(_usd(accrual.total(name)) for name in _AMOUNTS)]],
        ),
        f"## How good the estimate of {accrual.month_before} was",
    ]
    if not accrual.last_month:
        return "\n\n".join([*parts, f"Nothing was recorded of {accrual.month_before}."]) + "\n"
    moment = accrual.last_month[0]["estimated_at"]
    parts += [
        f"Estimated as of {moment:%Y-%m-%d %H:%M} UTC, the first record after its end; actual as published now.",
        _table(
            ("provider", "account", "estimate USD", "actual USD", "error USD", "error"),
            [
                [row["service_provider"], row["billing_account_id"]]
                + [_usd(row[name]) for name in ("estimate_usd", "actual_usd", "error_usd")]
                + [_share(row["error_usd"], row["estimate_usd"])]
                for row in accrual.last_month
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _usd(amount: Decimal) -> str:
    return f"{amount.quantize(CENT):,f}"


def _share(part: Decimal, whole: Decimal) -> str:
    return f"{part / whole:+.2%}" if whole else "-"


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---:" if name.endswith(("USD", "error")) else "---" for name in header], *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
