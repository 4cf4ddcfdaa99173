"""Invoices of the closed months: what the providers' bills add up to, in cents, with credits, fees and tax."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from examples.company import story
from examples.company.bills import STORAGE_PICO, billed
from examples.company.catalog import ACCOUNTS, FIRST_DAY, GPUS, MONTHS
from examples.company.gpu import HOURLY_PICO
from examples.company.prices import PICO, to_cents
from examples.company.tables import csv_text

COLUMNS = [
    "invoice_id", "service_provider", "billing_account_id", "billing_period_start", "billing_period_end", "issued_at",
    "line_type", "amount_ex_tax", "currency", "description",
]  # fmt: skip
CLOSED_MONTHS = MONTHS[:3]
SHORT = {"openai": "OAI", "anthropic": "ANT", "northgpu": "NGP"}
CENT = PICO // 100
GPU_TAX_PERCENT = 8


@dataclass(frozen=True)
class Invoice:
    """One month of one account; money in pico-dollars, lines in cents."""

    service_provider: str
    first: date
    end: date
    bill_pico: int
    credit_cents: int = 0
    fee_cents: int = 0
    tax_cents: int = 0

    @property
    def invoice_id(self) -> str:
        return f"INV-{SHORT[self.service_provider]}-{self.first:%Y-%m}"

    @property
    def account(self) -> str:
        return ACCOUNTS[self.service_provider]

    @property
    def usage_cents(self) -> int:
        return to_cents(self.bill_pico)

    @property
    def rounding_pico(self) -> int:
        return self.usage_cents * CENT - self.bill_pico

    @property
    def total_cents(self) -> int:
        return self.usage_cents + self.credit_cents + self.fee_cents

    def lines(self) -> Iterator[tuple[object, ...]]:
        texts = {
            "usage": (self.usage_cents, "GPU node rental" if self.service_provider == "northgpu" else "API usage"),
            "credit": (self.credit_cents, "Promotional credit"),
            "fee": (self.fee_cents, "Support plan"),
            "tax": (self.tax_cents, f"Sales tax {GPU_TAX_PERCENT} %"),
        }
        issued = self.end + timedelta(days=2)
        for kind, (cents, text) in texts.items():
            if cents:
                yield (
                    self.invoice_id, self.service_provider, self.account, self.first, self.end, issued, kind,
                    cents_text(cents), "USD", text,
                )  # fmt: skip


def cents_text(cents: int) -> str:
    """Cents as an amount with two decimals."""
    return str(Decimal(cents).scaleb(-2).quantize(Decimal("0.01")))


def usd_per_eur(day: date) -> float:
    """A made-up exchange rate, the same for everybody who asks for the day."""
    return round(1.11 + 0.018 * math.sin((day - FIRST_DAY).days / 17), 4)


def bill_of(calls: pl.DataFrame, provider: str, first: date, end: date) -> int:
    """Everything an account is billed for over [first, end), in pico-dollars."""
    days = (first - FIRST_DAY).days, (end - FIRST_DAY).days - 1
    if provider == "northgpu":
        return (days[1] - days[0] + 1) * 24 * GPUS * HOURLY_PICO
    rows = billed(calls).filter((pl.col("service_provider") == provider) & pl.col("day").is_between(*days))
    storage_days = (end - max(first, story.STORAGE_FROM)).days if provider == "openai" else 0
    return int(rows["cost_pico"].sum()) + max(storage_days, 0) * STORAGE_PICO


def invoices(calls: pl.DataFrame) -> list[Invoice]:
    """The invoices issued so far: every closed month of every account."""
    result = []
    for first, end in CLOSED_MONTHS:
        for provider in ACCOUNTS:
            bill = bill_of(calls, provider, first, end)
            share = {
                ("openai", 9): story.CREDIT_OPENAI_SHARE, ("anthropic", 10): story.CREDIT_ANTHROPIC_SHARE,
            }.get((provider, first.month), 0)  # fmt: skip
            fee = to_cents(int(Decimal(story.FEE_USD) * PICO)) if (provider, first.month) == ("anthropic", 9) else 0
            tax = to_cents(bill * GPU_TAX_PERCENT // 100) if provider == "northgpu" else 0
            result.append(Invoice(provider, first, end, bill, -to_cents(int(bill * share)), fee, tax))
    return result


def write(landing: Path, issued: list[Invoice]) -> None:
    """Write business/invoices, one file per day of issue."""
    folder = landing / "business" / "invoices"
    folder.mkdir(parents=True)
    for first, end in CLOSED_MONTHS:
        rows = [line for invoice in issued if invoice.first == first for line in invoice.lines()]
        (folder / f"invoices_{end + timedelta(days=2)}.csv").write_text(csv_text(COLUMNS, rows))
