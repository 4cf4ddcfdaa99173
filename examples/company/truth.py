"""What really happened, for tests and for `inferledger` to be held against: calls, invoices, GPU hours, incidents."""

from decimal import Decimal
from pathlib import Path

import polars as pl

from examples.company import incidents
from examples.company.catalog import NODE_ID
from examples.company.gateway import file_name
from examples.company.gpu import GPU_UUIDS, Node, hours_table
from examples.company.invoices import Invoice, cents_text
from examples.company.mishaps import TOKENS
from examples.company.prices import as_text
from examples.company.tables import csv_text

MONEY = pl.Decimal(38, 12)


def write(folder: Path, calls: pl.DataFrame, node: Node, issued: list[Invoice]) -> None:
    """Write the four files of the truth."""
    folder.mkdir(parents=True)
    _calls(calls).write_parquet(folder / "calls.parquet")
    (folder / "invoices.csv").write_text(_invoices(issued))
    (folder / "gpu_hours.csv").write_text(_gpu_hours(node))
    (folder / "incidents.csv").write_text(csv_text(incidents.COLUMNS, incidents.rows(calls, issued)))


def _money(pico: str) -> pl.Expr:
    """Pico-dollars as USD with 12 decimals, exactly."""
    return pl.col(pico).cast(MONEY) * pl.lit(Decimal("1e-12"), MONEY)


def _calls(calls: pl.DataFrame) -> pl.DataFrame:
    has_file = (pl.col("log_state") != "never") & ~pl.col("log_state").is_in(["missing_file"])
    names = {day: file_name(day) for day in range(int(calls["write_day"].to_numpy().max()) + 1)}
    return calls.select(
        "response_id", pl.from_epoch("started_ms", time_unit="ms").alias("started_at"),
        "tenant_id", "product_id", "feature_id", _null_if_empty("task_id"), "service_provider", "model", "is_logged",
        "is_tagged", (pl.col("billing") == "billed").alias("is_billed"),
        _money("cost_pico").alias("true_cost_usd"), _money("list_pico").alias("list_cost_usd"),
        pl.from_epoch("ended_ms", time_unit="ms").alias("ended_at"),
        pl.col("trace_id").alias("logical_request_id"), "attempt", pl.col("role").alias("attempt_role"),
        pl.col("billing").alias("billing_reason"), "status", _null_if_empty("error_code"), "environment",
        pl.col("tier").alias("service_tier"), "model_id", _null_if_empty("key_name"), _null_if_empty("user"),
        "prompt_version", *TOKENS, "searches", "tags", "log_state",
        pl.when(has_file).then(pl.col("write_day").replace_strict(names)).alias("log_file"),
        pl.when(pl.col("logged_again_day") >= 0)
        .then(pl.col("logged_again_day").replace_strict(names, default=None, return_dtype=pl.String))
        .alias("logged_again_file"),
        pl.col("is_late"), "scope", "litellm_call_id",
    )  # fmt: skip


def _null_if_empty(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)


def _invoices(issued: list[Invoice]) -> str:
    columns = [
        "invoice_id", "service_provider", "billing_account_id", "billing_period_start", "billing_period_end",
        "bill_usd", "usage_usd", "rounding_usd", "credit_usd", "fee_usd", "total_ex_tax_usd", "tax_usd",
    ]  # fmt: skip
    return csv_text(
        columns,
        (
            (
                i.invoice_id, i.service_provider, i.account, i.first, i.end, as_text(i.bill_pico),
                cents_text(i.usage_cents), as_text(i.rounding_pico), cents_text(i.credit_cents),
                cents_text(i.fee_cents), cents_text(i.total_cents), cents_text(i.tax_cents),
            )
            for i in issued
        ),
    )  # fmt: skip


def _gpu_hours(node: Node) -> str:
    """Seconds carry two decimals: one busy unit is 0.03 s of a sample of 300 s."""
    unit = node.step_seconds // 100
    columns = [
        "hour_start", "node_id", "gpu_id", "gpu_index", "provisioned_seconds", "covered_seconds", "busy_seconds",
        "cost_usd", "busy_cost_usd",
    ]  # fmt: skip
    rows = hours_table(node).with_columns(
        hour=pl.from_epoch("hour_ms", time_unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    )
    return csv_text(
        columns,
        (
            (
                r["hour"], NODE_ID, GPU_UUIDS[r["gpu"]], r["gpu"], r["provisioned_seconds"], r["covered_seconds"],
                f"{r['busy_units'] * unit // 100}.{r['busy_units'] * unit % 100:02d}", as_text(r["cost_pico"]),
                as_text(r["busy_pico"]),
            )
            for r in rows.iter_rows(named=True)
        ),
    )  # fmt: skip
