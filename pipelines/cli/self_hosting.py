"""Commands that say whether to self-host, and how much capacity that takes."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.common import home_option, json_option, print_json, print_table, usd
from pipelines.cli.work import WEEK_HELP, Week
from sources.home import Home

if TYPE_CHECKING:
    from pipelines.self_hosting import HardwareCosts, SelfHosting

MILLION = 1_000_000


SELFHOST_EXAMPLES = """\b
Examples:
  inferledger selfhost --home acme
  inferledger selfhost --home acme --month 2026-10 --json
  inferledger selfhost --home acme --hardware --utilisation 40
"""


@click.command(epilog=SELFHOST_EXAMPLES)
@home_option
@click.option(
    "--month", type=click.DateTime(["%Y-%m"]), help="Such as 2026-10; the last one that is over when left out."
)
@click.option(
    "--hardware", "with_hardware", is_flag=True, help="Show the hardware catalogue beside what you run instead."
)
@click.option(
    "--utilisation",
    type=click.Choice(["20", "40", "60", "80", "100"]),
    default="60",
    show_default=True,
    help="Percent of the catalogue's throughput that is used, for --hardware.",
)
@json_option
def selfhost(home: Home, month: datetime | None, with_hardware: bool, utilisation: str, as_json: bool) -> None:
    """Say for each workload of self_hosting.yml whether own GPUs or an API cost less, and what that hangs on.

    Below stand the published rules of thumb, with the figure of your own data and whether they hold on it.
    """
    from pipelines.self_hosting import read_hardware, read_self_hosting

    if with_hardware:
        costs = read_hardware(home, int(utilisation))
        print_json(costs) if as_json else _print_hardware(costs)
        return
    found = read_self_hosting(home, month.date() if month else None)
    print_json(found) if as_json else _print_self_hosting(found)


def _print_self_hosting(found: "SelfHosting") -> None:
    from pipelines.self_hosting import rule_in_words

    columns = (
        "workload", "against", "Mtok/month", "API USD", "own USD", "replicas", "break-even Mtok", "utilisation",
        "needed", "verdict",
    )  # fmt: skip
    table = [
        [
            row["workload_id"],
            row["comparator_id"],
            _mtok(row["tokens_per_month"]),
            usd(row["api_cost_per_month_usd"]),
            usd(row["self_hosted_cost_per_month_usd"]),
            f"{row['replicas']}",
            _mtok(row["break_even_tokens_per_month"]),
            _percent(row["throughput_utilisation"]),
            _percent(row["break_even_utilisation"]),
            row["verdict"],
        ]
        for row in (decision.facts for decision in found.decisions)
    ]
    print_table(f"Self-hosting against an API, {found.month:%Y-%m}", columns, table, right=range(2, 9))
    for decision in found.decisions:
        row = decision.facts
        click.echo(f"{row['workload_id']} against {row['comparator_id']}: {decision.words}")
        if len(decision.crossings) > 1:
            click.echo("  The side that costs less changes at " + "; ".join(map(_crossing, decision.crossings)) + ".")
        if decision.beside:
            click.echo(f"  Beside the money, and not in it: {', '.join(decision.beside)}.")
    rules = [[row["workload_id"], row["says"], rule_in_words(row)] for row in found.rules_of_thumb]
    print_table("What others say, on your own figures", ("workload", "rule of thumb", "here"), rules)


def _print_hardware(costs: "HardwareCosts") -> None:
    columns = ("system", "basis", "USD/hour", "kW", "GB each", "model", "USD/Mtok output", "USD/Mtok in and out")
    table = [
        [
            row["hardware_name"],
            row["basis"].replace("_", ", "),
            usd(row["usd_per_hour"]),
            _plain(row["peak_power_kw"]),
            _plain(row["memory_gb_per_accelerator"]),
            row["model"] or "no throughput published",
            usd(row["cost_per_mtok_output_usd"], 4),
            usd(row["cost_per_mtok_blended_usd"], 4),
        ]
        for row in costs.catalogue
    ]
    title = f"Hardware as published, throughput derated for production and used at {costs.utilisation_percent} %"
    print_table(title, columns, table, right=(2, 3, 4, 6, 7))
    own = [
        [
            row["deployment_id"],
            f"{row['week_start']}",
            usd(row["gpu_cost_usd"]),
            f"{row['tokens']:,}",
            "-" if row["cost_per_mtok_usd"] is None else f"{row['cost_per_mtok_usd']:,.4f}",
            _percent(row["utilisation"]),
        ]
        for row in costs.own
    ]
    of_own = ("deployment", "week", "USD", "tokens", "USD/Mtok in and out", "busy")
    print_table("What you run", of_own, own, right=(2, 3, 4, 5))


def _plain(number: Decimal | None) -> str:
    return "-" if number is None else f"{number.normalize():f}"


def _crossing(row: dict[str, Any]) -> str:
    side = "own GPUs" if row["direction"] == "self_hosting_from" else "the API"
    return f"{_mtok(row['tokens_per_month'])} Mtok ({side})"


CAPACITY_EXAMPLES = """\b
Examples:
  inferledger capacity --home acme
  inferledger capacity --home acme --week 2026-W46 --json
"""


@click.command(epilog=CAPACITY_EXAMPLES)
@home_option
@click.option("--week", type=Week(), help=f"{WEEK_HELP} The last complete one when left out.")
@json_option
def capacity(home: Home, week: date | None, as_json: bool) -> None:
    """Show the load of each workload of self_hosting.yml, and the replicas the rule of its shape asks for."""
    from pipelines.self_hosting import read_capacity

    found = read_capacity(home, week)
    if as_json:
        print_json(found)
    else:
        _print_capacity(found)


def _print_capacity(found: list[dict[str, Any]]) -> None:
    columns = (
        "workload", "shape", "P50 tok/s", "P95 tok/s", "P99 tok/s", "busy replicas", "replicas", "GPUs", "GPUs now",
        "reserve", "burst", "spikes", "spot",
    )  # fmt: skip
    table = [
        [
            row["workload_id"],
            row["shape"],
            *(f"{row[f'{name}_tokens_per_second']:,.1f}" for name in ("p50", "p95", "p99")),
            f"{row['needed_busy_replicas']:,.3f}",
            *(
                _whole(row[name])
                for name in ("replicas_needed", "gpus_needed", "provisioned_gpus", "reserved_replicas")
            ),
            *(_whole(row[name]) for name in ("burst_replicas", "spike_reserve_replicas")),
            _percent(row["spot_share"]),
        ]
        for row in found
    ]
    print_table(f"Capacity, week of {found[0]['week_start']}", columns, table, right=range(2, 13))
    for row in found:
        if not row["is_within_reach"]:
            click.secho(f"{row['workload_id']}: more replicas than can be had", fg="yellow")
        if row["kv_bytes_per_token"] is not None:
            click.echo(f"{row['workload_id']}: {_memory(row)}")


def _memory(row: dict[str, Any]) -> str:
    held = f"a token holds {row['kv_bytes_per_token']:,.0f} bytes of KV cache"
    if row["concurrent_tokens"] is None:
        return f"{held}; the weights leave {row['kv_memory_gb']:,.1f} GB for it: the model does not fit"
    fits = f"{held}; {row['kv_memory_gb']:,.1f} GB are left for it, {row['concurrent_tokens']:,} tokens at a time"
    if row["concurrent_contexts"] is None:
        return fits
    return f"{fits}, or {row['concurrent_contexts']:,} contexts of {row['context_tokens']:,}"


def _mtok(tokens: Decimal | None) -> str:
    return "-" if tokens is None else f"{tokens / MILLION:,.1f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _whole(number: int | Decimal | None) -> str:
    return "-" if number is None else f"{Decimal(number).normalize():,f}"
