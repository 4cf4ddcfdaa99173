"""The chargeback: what each tenant owes of each invoice in a month, in cents that add up to the invoice.

Beside the cents stand the exact amounts, beside the file a manifest with its control totals. Rows come from the mart
chargeback_lines; nothing is allocated here.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from assets.exports import ExportError
from assets.exports.files import File, write_files
from assets.exports.safe_csv import to_csv
from assets.exports.xlsx import Table, to_xlsx
from assets.marts import open_marts, rows
from sources.money import largest_remainder

NAME = "chargeback"
CENTS = 2
EXACT = Decimal(1).scaleb(-12)
ZERO = Decimal(0)

KEYS = (
    "posting_period",
    "invoice_id",
    "status",
    "dispute_status",
    "corrects_period",
    "service_provider",
    "billing_account_id",
    "tenant_id",
    "tenant_name",
    "cost_center",
    "is_free_plan",
    "product_id",
    "feature_id",
    "model",
    "charge_category",
    "method",
    "currency",
)
AMOUNTS = ("amount_usd", "effective_amount_usd", "price_usd")
HEADER = ("record_type", *KEYS, "amount_usd", "amount_exact_usd", "effective_amount_usd", "price_exact_usd")
Row = dict[str, Any]


def write(
    marts: Path, out_dir: Path, period: str, dialect: str | None = None, data_version: str | None = None
) -> list[Path]:
    """Write chargeback.csv, chargeback.xlsx and their manifest for one posting period."""
    lines = chargeback_rows(marts, period)
    control = _control(lines)
    body = [["line", *(line[key] for key in KEYS), *_amounts(line)] for line in lines]
    blank = [None] * (len(KEYS) - 2)
    content = to_csv(HEADER, [*body, ["control_total", period, *blank, "USD", *_amounts(control)]])
    sheet = to_xlsx(Table(NAME, HEADER[1:], [cells[1:] for cells in body], ("amount_usd",)))
    files = {f"{NAME}.csv": File(content, len(lines)), f"{NAME}.xlsx": File(sheet, len(lines))}
    return write_files(out_dir, NAME, files.items(), _facts(period, lines, control, data_version))


def chargeback_rows(marts: Path, period: str) -> list[Row]:
    """The lines of the file, each with its cents."""
    return _in_cents(_lines(marts, period))


def _lines(marts: Path, period: str) -> list[Row]:
    """The period's chargeback lines summed to the grain of the file, in its order."""
    with open_marts(marts) as connection:
        found = rows(
            connection,
            """
            select
                lines.posting_period, lines.invoice_id, lines.status, lines.dispute_status,
                case when lines.status = 'correction' then strftime(lines.usage_date, '%Y-%m') end as corrects_period,
                lines.service_provider, lines.billing_account_id,
                lines.tenant_id, coalesce(tenants.tenant_name, lines.tenant_id) as tenant_name,
                lines.cost_center, coalesce(tenants.is_free_plan, false) as is_free_plan,
                lines.product_id, lines.feature_id, lines.model, lines.charge_category, lines.method, lines.currency,
                sum(lines.amount_usd) as amount_usd,
                sum(lines.effective_amount_usd) as effective_amount_usd,
                sum(lines.price_usd) as price_usd
            from chargeback_lines as lines
            left join dim_tenants as tenants on lines.tenant_id = tenants.tenant_id
            where lines.posting_period = $period
            group by all
            order by
                lines.service_provider, lines.billing_account_id, lines.invoice_id nulls last, tenant_name,
                lines.tenant_id, lines.cost_center nulls last, lines.product_id, lines.feature_id,
                lines.model nulls last, lines.charge_category, lines.method, lines.status,
                corrects_period nulls last, lines.currency, lines.dispute_status nulls last
            """,
            {"period": period},
        )
        if found:
            return found
        months = rows(connection, "select distinct posting_period from chargeback_lines order by 1")
    available = ", ".join(row["posting_period"] for row in months) or "none"
    raise ExportError(f"{marts}: no chargeback lines in {period}; available: {available}")


def _settlement(line: Row) -> tuple[str, str, str]:
    """What the cents must add up to: the invoice, or provider and account of the month while there is none."""
    return line["service_provider"], line["billing_account_id"], line["invoice_id"] or ""


def _in_cents(lines: Sequence[Row]) -> list[Row]:
    """Every line with its cents: by largest remainder, so that a settlement's lines sum to its rounded total."""
    result: list[Row] = []
    for _, group in groupby(lines, key=_settlement):
        members = list(group)
        cents = largest_remainder([line["amount_usd"] for line in members], CENTS)
        result += [line | {"cents_usd": cent} for line, cent in zip(members, cents, strict=True)]
    return result


def _amounts(line: Row) -> list[Decimal | None]:
    exact = (line[name] for name in AMOUNTS)
    return [
        line["cents_usd"],
        *(None if amount is None else amount.quantize(EXACT, rounding=ROUND_HALF_EVEN) for amount in exact),
    ]


def _control(lines: Sequence[Row]) -> Row:
    """The sums of the lines; none of prices where no line has one."""
    amounts = {key: [line[key] for line in lines if line[key] is not None] for key in ("cents_usd", *AMOUNTS)}
    return {key: sum(known, ZERO) if known or key != "price_usd" else None for key, known in amounts.items()}


def _facts(period: str, lines: Sequence[Row], control: Row, data_version: str | None) -> dict[str, Any]:
    invoices = []
    for (provider, account, invoice), group in groupby(lines, key=_settlement):
        members = list(group)
        totals = _control(members)
        invoices.append(
            {
                "service_provider": provider,
                "billing_account_id": account,
                "invoice_id": invoice or None,
                "rows": len(members),
                "amount_usd": f"{totals['cents_usd']:f}",
                "amount_exact_usd": f"{totals['amount_usd'].quantize(EXACT):f}",
            }
        )
    return {
        "period": period,
        "data_version": data_version,
        "rows": len(lines),
        "amount_usd": f"{control['cents_usd']:f}",
        "amount_exact_usd": f"{control['amount_usd'].quantize(EXACT):f}",
        "effective_amount_usd": f"{control['effective_amount_usd'].quantize(EXACT):f}",
        "invoices": invoices,
    }
