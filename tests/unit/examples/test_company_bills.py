"""Bills, invoices and GPU money add up to the truth, to the last digit."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from examples.company import story
from examples.company.catalog import DAYS, FIRST_DAY, LLAMA, MODELS
from tests.unit.examples.conftest import Company

BILLED_AS = {model.model: model.billed_as for model in MODELS}
Spend = dict[tuple[str, str], Decimal]


def _latest(folder: Path) -> Iterator[dict[str, Any]]:
    """The last fetched page of each week, amounts as exact decimals."""
    newest = {path.name.split("__")[0]: path for path in sorted(folder.iterdir())}
    for path in newest.values():
        yield json.loads(path.read_text(), parse_float=Decimal)


def _openai(company: Company, storage: bool = False) -> Spend:
    spend: Spend = {}
    for page in _latest(company.landing / "openai" / "costs" / "org-northwind"):
        for bucket in page["data"]:
            day = str(datetime.fromtimestamp(bucket["start_time"], UTC).date())
            for line in bucket["results"]:
                if (line["quantity_unit"] == "tokens") != storage:
                    key = day, line["line_item"].split(",")[0]
                    spend[key] = spend.get(key, Decimal(0)) + line["amount"]["value"]
    return spend


def _anthropic(company: Company) -> Spend:
    """Searches carry no model on the bill; only one model searches here."""
    spend: Spend = {}
    for page in _latest(company.landing / "anthropic" / "cost_report" / "org-northwind-claude"):
        for bucket in page["data"]:
            for line in bucket["results"]:
                key = bucket["starting_at"][:10], line["model"] or BILLED_AS["claude-sonnet-5"]
                spend[key] = spend.get(key, Decimal(0)) + Decimal(line["amount"]) / 100
    return spend


def _true_spend(company: Company, provider: str) -> Spend:
    rows = (
        company.calls.filter((pl.col("service_provider") == provider) & pl.col("is_billed"))
        .group_by(pl.col("started_at").dt.date().cast(pl.String), pl.col("model").replace(BILLED_AS))
        .agg(pl.col("true_cost_usd").sum())
    )
    return {(day, model): cost for day, model, cost in rows.rows()}


def test_openai_costs_are_the_true_costs(company: Company) -> None:
    assert _openai(company) == _true_spend(company, "openai")


def test_anthropic_costs_are_the_true_costs(company: Company) -> None:
    assert _anthropic(company) == _true_spend(company, "anthropic")


def test_calls_that_are_not_billed_cost_nothing(company: Company) -> None:
    free = company.calls.filter(~pl.col("is_billed"))
    assert free.height
    assert free["true_cost_usd"].sum() == 0


def test_usage_pages_count_the_billed_tokens(company: Company) -> None:
    billed = company.calls.filter("is_billed")
    openai = billed.filter(pl.col("service_provider") == "openai")
    rows = [
        row
        for page in _latest(company.landing / "openai" / "usage_completions" / "org-northwind")
        for bucket in page["data"]
        for row in bucket["results"]
    ]
    assert sum(row["num_model_requests"] for row in rows) == openai.height
    assert sum(row["input_cached_tokens"] for row in rows) == openai["cache_read_tokens"].sum()
    assert {row["api_key_id"] for row in rows} >= {"key_gateway_prod", "key_notebook"}
    assert any(row["batch"] for row in rows)
    anthropic = billed.filter(pl.col("service_provider") == "anthropic")
    rows = [
        row
        for page in _latest(company.landing / "anthropic" / "usage_messages" / "org-northwind-claude")
        for bucket in page["data"]
        for row in bucket["results"]
    ]
    assert sum(row["cache_creation"]["ephemeral_1h_input_tokens"] for row in rows) == (
        anthropic["cache_write_1h_tokens"].sum()
    )
    assert sum(row["server_tool_use"]["web_search_requests"] for row in rows) == anthropic["searches"].sum()


def test_the_early_page_lacks_part_of_its_last_day(company: Company) -> None:
    folder = company.landing / "openai" / "costs" / "org-northwind"
    early, late = sorted(folder.glob(f"{story.RESTATED_MONDAY}*"))
    amounts = []
    for path in (early, late):
        page = json.loads(path.read_text(), parse_float=Decimal)
        amounts.append(sum(r["amount"]["value"] for b in page["data"] for r in b["results"]))
    restated = company.truth("incidents").filter(pl.col("kind") == "bill_restated")["amount_usd"][0]
    assert amounts[1] - amounts[0] == Decimal(restated) > 0


def test_invoices_are_the_bills_in_cents(company: Company) -> None:
    bills = {"openai": [_openai(company), _openai(company, storage=True)], "anthropic": [_anthropic(company)]}
    landed: dict[tuple[str, str], Decimal] = {}
    for path in sorted((company.landing / "business" / "invoices").iterdir()):
        for line in csv.DictReader(path.read_text().splitlines()):
            key = line["invoice_id"], line["line_type"]
            landed[key] = landed.get(key, Decimal(0)) + Decimal(line["amount_ex_tax"])
    invoices = company.truth("invoices").to_dicts()
    assert len(invoices) == 9
    for invoice in invoices:
        first, end = (date.fromisoformat(invoice[f"billing_period_{edge}"]) for edge in ("start", "end"))
        if invoice["service_provider"] == "northgpu":
            bill = (end - first).days * 24 * 4 * Decimal("0.84")
        else:
            parts = bills[invoice["service_provider"]]
            bill = sum(
                (cost for part in parts for (day, _), cost in part.items() if str(first) <= day < str(end)), Decimal(0)
            )
        money = {name: Decimal(value) for name, value in invoice.items() if name.endswith("_usd")}
        assert money["bill_usd"] == bill
        assert money["usage_usd"] == bill + money["rounding_usd"] == landed[invoice["invoice_id"], "usage"]
        assert abs(money["rounding_usd"]) <= Decimal("0.005")
        paid = sum(landed.get((invoice["invoice_id"], kind), Decimal(0)) for kind in ("usage", "credit", "fee"))
        assert money["total_ex_tax_usd"] == paid


def test_busy_gpu_money_of_each_hour_is_shared_to_the_last_digit(company: Company) -> None:
    hours = company.truth("gpu_hours")
    assert hours.height == DAYS * 24 * 4
    busy: dict[str, Decimal] = {}
    for row in hours.iter_rows(named=True):
        busy[row["hour_start"]] = busy.get(row["hour_start"], Decimal(0)) + Decimal(row["busy_cost_usd"])
        assert Decimal(row["busy_cost_usd"]) == Decimal(row["busy_seconds"]) * Decimal("0.84") / 3600
        assert Decimal(row["busy_seconds"]) <= Decimal(row["covered_seconds"]) <= 3600
    shared = (
        company.calls.filter((pl.col("model") == LLAMA) & pl.col("is_billed"))
        .group_by(pl.col("started_at").dt.truncate("1h").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .agg(pl.col("true_cost_usd").sum())
    )
    assert {hour: cost for hour, cost in busy.items() if cost} == dict(shared.rows())


def test_the_node_stood_idle_for_a_weekend(company: Company) -> None:
    weekend = {str(story.IDLE_FROM + timedelta(days=n)) for n in range(2)}
    hours = company.truth("gpu_hours").filter(pl.col("hour_start").str.slice(0, 10).is_in(sorted(weekend)))
    assert hours.height == 2 * 24 * 4
    assert set(hours["busy_seconds"]) == {"0.00"}
    assert FIRST_DAY < story.IDLE_FROM
