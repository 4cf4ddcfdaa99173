"""Prints recall and precision on injected incidents, and alarms on quiet companies and on ServeGen's clients.

python -m benchmarks.anomalies [--seeds 20] [--first-seed 0] [--servegen client_windows.parquet] [--usd-a-day 400]
"""

import argparse
from collections import Counter
from pathlib import Path

import click
import polars as pl

from benchmarks.anomalies.company import DAYS, FIRST_DAY, Incident, cells, plan
from benchmarks.anomalies.detect import anomalies
from benchmarks.anomalies.score import alarms, is_found, is_of

DAYS_PER_MONTH = 365.25 / 12
# Nothing is judged before there are seven final days.
JUDGED_MONTHS = (DAYS - 7) / DAYS_PER_MONTH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--servegen", type=Path)
    parser.add_argument("--usd-a-day", type=float, default=400.0)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    if seeds:
        injected(seeds)
    if arguments.servegen:
        servegen(arguments.servegen, arguments.usd_a_day)


def injected(seeds: range) -> None:
    """Each seed with its incidents, and the same company without them."""
    found: Counter[str] = Counter()
    all_: Counter[str] = Counter()
    true = false = quiet = 0
    for seed in seeds:
        incidents: list[Incident] = plan(seed)
        rung = alarms(anomalies(cells(seed, incidents)))
        true_here = sum(any(is_of(alarm, incident) for incident in incidents) for alarm in rung)
        true, false = true + true_here, false + len(rung) - true_here
        for incident in incidents:
            all_[incident.incident] += 1
            found[incident.incident] += is_found(incident, rung)
        quiet += len(alarms(anomalies(cells(seed, []))))
    click.echo(f"{len(seeds)} seeds, {all_.total()} incidents, {DAYS} days each")
    for name, count in sorted(all_.items()):
        click.echo(f"  {name:<16}{found[name]:>3} of {count:>3}")
    click.echo(f"recall {found.total() / all_.total():.3f}")
    click.echo(f"precision {true / max(true + false, 1):.3f} ({true} alarms of incidents, {false} of nothing)")
    click.echo(f"quiet: {quiet / len(seeds) / JUDGED_MONTHS:.2f} alarms a month and company")


def servegen(path: Path, usd_a_day: float) -> None:
    """ServeGen's language clients as tenants of one company, requests as money."""
    windows = pl.scan_parquet(path).filter(pl.col("category") == "language")
    daily = (
        windows.with_columns(day=pl.col("window_start_s") // 86_400, requests=pl.col("rate_rps") * 600)
        .group_by("model", "client_id", "day").agg(pl.col("requests").sum())
        .collect()
    )  # fmt: skip
    days = daily["day"].n_unique()
    usd = usd_a_day * days / float(daily["requests"].sum())
    found = anomalies(_as_cells(daily, usd))
    rung = alarms(found.filter(pl.col("kind") == "spend"))
    months = (days - 7) / DAYS_PER_MONTH
    by_scope = Counter(alarm["scope"] for alarm in rung)
    tenants = daily.select("model", "client_id").n_unique()
    click.echo(f"ServeGen: {tenants} clients, {days} days, {usd_a_day:,.0f} USD a day in all")
    click.echo(f"  company {by_scope['company'] / months:.2f} alarms a month")
    of_clients = by_scope["tenant"] / months
    click.echo(f"  clients {of_clients:.2f} a month over all, {of_clients / tenants:.3f} each")
    rows = found.filter((pl.col("scope") == "tenant") & pl.col("is_above_trailing"))
    click.echo(f"  the trailing rule alone: {rows.height / months:.1f} client-days a month")
    for alarm in rung:
        row = found.filter(
            (pl.col("scope_id") == alarm["scope_id"]) & (pl.col("usage_date") == alarm["since_date"])
        ).to_dicts()[0]
        times = row["rate"] / row["trailing_rate"]
        click.echo(f"  {alarm['scope']} {alarm['scope_id']} {alarm['since_date']}: {times:.1f} x the seven days before")


def _as_cells(daily: pl.DataFrame, usd: float) -> pl.DataFrame:
    nothing = ("cacheable_input_tokens", "cache_read_tokens", "reasoning_tokens", "tasks")
    no_money = ("input_cost_usd", "retry_cost_usd", "reasoning_cost_usd", "cache_savings_usd", "tasks_cost_usd")
    one = ("input_tokens", "output_text_tokens", "requests")
    return daily.select(
        pl.lit(FIRST_DAY).dt.offset_by(pl.format("{}d", "day")).alias("usage_date"),
        pl.format("{}-{}", "model", "client_id").alias("tenant_id"),
        pl.lit("f").alias("feature_id"),
        "model",
        pl.lit("unattributed").alias("api_key_id"),
        (pl.col("requests") * usd).round(6).cast(pl.Decimal(38, 12)).alias("cost_usd"),
        *(pl.col("requests").round().cast(pl.Int64).alias(name) for name in one),
        *(pl.lit(0, pl.Int64).alias(name) for name in nothing),
        *(pl.lit(0).cast(pl.Decimal(38, 12)).alias(name) for name in no_money),
    )


if __name__ == "__main__":
    main()
