"""Statements: one for each tenant and one for each cost center, with that one's lines only.

The lines are those of chargeback.csv with the same cents, so all tenants' statements and what nobody is known for add
up to it. Cost nobody is known for is in no tenant's statement.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from assets.exports.chargeback import CENTS, EXACT, KEYS, Row, chargeback_rows
from assets.exports.files import File, write_files
from assets.exports.safe_csv import to_csv
from assets.exports.xlsx import Table, to_xlsx
from assets.marts import UNATTRIBUTED, open_marts, rows
from sources.money import largest_remainder

NAME = "statements"
SUMMARY = ("posting_period", "service_provider", "invoice_id", "status", "dispute_status", "is_free_plan")
HEADER = (*KEYS, "amount_usd", "price_usd", "amount_exact_usd", "effective_amount_usd")
COUNTS = ("calls", "input_tokens", "output_tokens")
USAGE = ("tenant_id", "feature_id", "service_provider", "model", *COUNTS)
MONEY = ("amount_usd", "price_usd")
KINDS = {"tenant": "tenant_id", "cost_center": "cost_center"}
BUDGET = ("tenant_id", "month", "budget_tokens", "used_tokens", "remaining_tokens")
ZERO = Decimal(0)


def write(
    marts: Path, out_dir: Path, period: str, dialect: str | None = None, data_version: str | None = None
) -> list[Path]:
    """Write the statements of one posting period, each as CSV and as a spreadsheet with usage and token budget."""
    statements = list(_statements(chargeback_rows(marts, period)))
    told = [{one.kind: one.name, "file": f"{one.path}.csv", **_totals(one.lines, one.prices)} for one in statements]
    facts = {"period": period, "data_version": data_version, "statements": told}
    return write_files(out_dir, NAME, _files(statements, _usage(marts, period), _budgets(marts, period)), facts)


class Statement(NamedTuple):
    """The lines of one tenant or cost center, the cents of their prices, and where they go."""

    kind: str
    name: str
    path: str
    lines: Sequence[Row]
    prices: Sequence[Decimal | None]


def _statements(lines: Sequence[Row]) -> Iterator[Statement]:
    for kind, key in KINDS.items():
        groups: dict[str, list[Row]] = defaultdict(list)
        for line in lines:
            if line[key] not in (None, UNATTRIBUTED):
                groups[line[key]].append(line)
        for name, members in sorted(groups.items()):
            yield Statement(kind, name, f"{NAME}/{kind}_{_file_name(name)}", members, _price_cents(members))


def _files(statements: Sequence[Statement], usage: Sequence[Row], budgets: Sequence[Row]) -> Iterator[tuple[str, File]]:
    for kind, name, path, lines, prices in statements:
        key = KINDS[kind]
        body = [_cells(line, price) for line, price in zip(lines, prices, strict=True)]
        used = [[row[column] for column in USAGE] for row in usage if row[key] == name]
        # A cost center's tenants may have other cost centers too: a budget is a tenant's.
        left = [[row[column] for column in BUDGET] for row in budgets if kind == "tenant" and row[key] == name]
        named = ("tenant_id", "tenant_name") if kind == "tenant" else (key,)
        tables = [
            Table("summary", (*named, *SUMMARY, *MONEY), _summary(lines, prices, named), MONEY),
            Table("lines", HEADER, body, MONEY),
            Table("usage", USAGE, used, COUNTS),
        ]
        book = to_xlsx(*tables, *([Table("token_budget", BUDGET, left)] if left else []))
        yield f"{path}.csv", File(to_csv(HEADER, body), len(body))
        yield f"{path}.xlsx", File(book, len(body))


def _cells(line: Row, price: Decimal | None) -> list[object]:
    exact = [line[column].quantize(EXACT) for column in ("amount_usd", "effective_amount_usd")]
    return [*(line[column] for column in KEYS), line["cents_usd"], price, *exact]


def _summary(lines: Sequence[Row], prices: Sequence[Decimal | None], named: Sequence[str]) -> list[list[object]]:
    """One row for each invoice, with what is disputed, estimated or corrected apart, in the order of the lines."""
    sums: dict[tuple[object, ...], list[Decimal | None]] = {}
    for line, price in zip(lines, prices, strict=True):
        found = sums.setdefault(tuple(line[column] for column in (*named, *SUMMARY)), [ZERO, None])
        cents, priced = found
        found[:] = [(cents or ZERO) + line["cents_usd"], priced if price is None else (priced or ZERO) + price]
    return [[*key, *amounts] for key, amounts in sums.items()]


def _price_cents(lines: Sequence[Row]) -> list[Decimal | None]:
    """The lines' prices in cents that add up to the statement's; None where no markup holds."""
    cents = iter(largest_remainder([line["price_usd"] for line in lines if line["price_usd"] is not None], CENTS))
    return [None if line["price_usd"] is None else next(cents) for line in lines]


def _totals(lines: Sequence[Row], prices: Sequence[Decimal | None]) -> dict[str, str]:
    """What the statement says, with the cost of free plans and what is disputed apart."""
    free = [line["cents_usd"] for line in lines if line["is_free_plan"]]
    disputed = [line["cents_usd"] for line in lines if line["dispute_status"] == "open"]
    totals = {
        "amount_usd": [line["cents_usd"] for line in lines],
        "price_usd": [price for price in prices if price is not None],
        "free_plan_amount_usd": free,
        "disputed_amount_usd": disputed,
    }
    return {name: f"{sum(amounts, ZERO):f}" for name, amounts in totals.items()}


def _file_name(name: str) -> str:
    """Safe on every system, and never that of another one: `a/b` and `a b` differ in the hash."""
    safe = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _usage(marts: Path, period: str) -> list[dict[str, Any]]:
    """Calls and tokens of the usage days in the month, by feature and model."""
    with open_marts(marts) as connection:
        return rows(
            connection,
            """
            select
                tenant_id, cost_center, feature_id, service_provider, model, count(*) as calls,
                cast(sum(total_input_tokens) as bigint) as input_tokens,
                cast(sum(total_output_tokens) as bigint) as output_tokens
            from fct_usage
            where strftime(usage_date, '%Y-%m') = $period
            group by all
            order by all
            """,
            {"period": period},
        )


def _budgets(marts: Path, period: str) -> list[dict[str, Any]]:
    with open_marts(marts) as connection:
        return rows(
            connection,
            """
            select
                tenant_id, strftime(month_start, '%Y-%m') as month, budget_tokens, used_tokens, remaining_tokens
            from token_budgets_monthly
            where strftime(month_start, '%Y-%m') = $period
            order by tenant_id
            """,
            {"period": period},
        )
