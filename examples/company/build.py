"""Builds the company: work, what happened to it, what it cost, then every file."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from examples.company import bills, business, gateway, gpu, invoices, mishaps, settings, telemetry, truth, workload
from examples.company.catalog import LLAMA, STEP_SECONDS
from examples.company.prices import METERS, as_decimal, price_calls

Report = Callable[[str], None]


class OutputError(Exception):
    """The output folder holds something this generator did not write."""


@dataclass(frozen=True)
class Summary:
    """What was written, for the last line of the command."""

    attempts: int
    log_lines: int
    incidents: int
    cost_usd: dict[str, str]


def make_calls(seed: int, scale: float, step_seconds: int = STEP_SECONDS) -> tuple[pl.DataFrame, gpu.Node]:
    """Every call attempt with its true cost, and the node they partly ran on."""
    calls = mishaps.attempts(seed, workload.requests(seed, scale))
    calls = mishaps.log(seed, mishaps.identify(seed, calls))
    node = gpu.node(seed, calls, step_seconds)
    return _priced(calls, node), node


def _priced(calls: pl.DataFrame, node: gpu.Node) -> pl.DataFrame:
    quantities = {
        "output": calls["output_text_tokens"].to_numpy() + calls["reasoning_tokens"].to_numpy(),
        "search": calls["searches"].to_numpy(),
    } | {meter: calls[f"{meter}_tokens"].to_numpy() for meter in METERS[:4]}
    day = calls["started_ms"].to_numpy().astype("datetime64[ms]").astype("datetime64[D]")
    by_meter, at_list = price_calls(
        np.array(calls["model"].to_list()), np.array(calls["tier"].to_list()), day, quantities
    )
    is_billed = calls["billing"].to_numpy() == "billed"
    by_meter = {meter: np.where(is_billed, cost, 0) for meter, cost in by_meter.items()}
    total = sum(by_meter.values(), gpu.call_costs(node, calls))
    return calls.with_columns(
        *(pl.Series(f"{meter}_pico", cost) for meter, cost in by_meter.items()),
        pl.Series("cost_pico", total),
        pl.Series("list_pico", np.where(calls["model"].to_numpy() == LLAMA, 0, at_list)),
    )


def build(out: Path, *, scale: float, seed: int, report: Report, step_seconds: int = STEP_SECONDS) -> Summary:
    """Write <out>/home and <out>/truth; what an earlier build wrote there is replaced."""
    home, facts = out / "home", out / "truth"
    _clear(home, facts)
    report("inventing calls")
    calls, node = make_calls(seed, scale, step_seconds)
    landing = home / "landing"
    report("writing settings")
    settings.write(home / "config")
    report(f"writing gateway logs of {calls.height:,} call attempts")
    lines = gateway.write(landing, calls)
    report("writing bills")
    bills.write(landing, calls)
    issued = invoices.invoices(calls)
    report("writing GPU telemetry")
    telemetry.write(landing, seed, calls, node)
    report("writing business facts")
    business.write(landing, seed, calls)
    invoices.write(landing, issued)
    report("writing the truth")
    truth.write(facts, calls, node, issued)
    costs = calls.group_by("service_provider").agg(pl.col("cost_pico").sum()).sort("service_provider")
    return Summary(
        calls.height,
        lines,
        len((facts / "incidents.csv").read_text().splitlines()) - 1,
        {provider: f"{as_decimal(pico):,.2f}" for provider, pico in costs.rows()},
    )


def _clear(home: Path, facts: Path) -> None:
    """Remove an earlier build, and nothing else: without its truth beside it a home is somebody's own."""
    if home.exists() and not (facts / "incidents.csv").exists():
        raise OutputError(f"{home} exists and has no {facts / 'incidents.csv'} beside it; choose an empty folder")
    for folder in (home / "config", home / "landing", facts):
        if folder.exists():
            shutil.rmtree(folder)
