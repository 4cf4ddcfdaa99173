"""inferledger tco: the whole cost of ownership, and what other architectures would cost."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING

import click

from pipelines.cli.common import home_option, json_option, print_json, print_table, usd
from sources.home import Home

if TYPE_CHECKING:
    from pipelines.architecture import Compared, Comparison
    from pipelines.tco import Tco

EXAMPLES = """\b
Examples:
  inferledger tco --home acme                        the last complete month and the months ahead
  inferledger tco --home acme --month 2026-10 --product assistant
  inferledger tco --home acme --scenarios            other architectures for the same work, by cost per correct answer
"""
NAMES = {
    "people": "people",
    "bad_answers": "bad answers",
    "inference": "inference",
    "supporting_layer": "supporting layer",
    "storage_network_ci": "storage, network, CI",
    "model_updates": "model updates",
    "security_compliance": "security, compliance",
}


@click.command(epilog=EXAMPLES)
@home_option
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="The month; the last complete one when left out.")
@click.option("--product", help="One product_id; all together when left out.")
@click.option("--scenarios", is_flag=True, help="Compare the architectures of scenarios.yml instead.")
@json_option
def tco(home: Home, month: datetime | None, product: str | None, scenarios: bool, as_json: bool) -> None:
    """Show the total cost of ownership of a month in seven lines, and an estimate of the months ahead.

    Cash is what was paid; economic cost has bad answers at what they cost to put right and owned GPUs by the capital
    recovery factor.
    """
    from pipelines.architecture import compare
    from pipelines.tco import read_tco

    if scenarios:
        compared = compare(home, month.date() if month else None)
        if as_json:
            print_json([asdict(row) for row in compared])
        else:
            for row in compared:
                _print_comparison(row)
        return
    found = read_tco(home, month.date() if month else None, product)
    if as_json:
        print_json(found)
        return
    _print_month(found)
    _print_notes(found)
    _print_ahead(found)


def _print_month(found: "Tco") -> None:
    of = found.product_id or "all products"
    part = "" if found.is_complete else f", {found.covered_days} days of it"
    table = [
        [NAMES[row.line], usd(row.cash_usd), _percent(row.cash_share), usd(row.economic_usd)] for row in found.lines
    ]
    table.append(["together", usd(found.cash_usd), _percent(Decimal(1)), usd(found.economic_usd)])
    columns = ("line", "cash USD", "share", "economic USD")
    print_table(f"{found.month:%Y-%m} of {of}{part}", columns, table, right=(1, 2, 3))
    if found.product_id is None:
        rows = [
            [row.product_id, usd(row.cash_usd), usd(row.token_bill_usd), usd(row.economic_usd)]
            for row in found.products
        ]
        print_table("By product", ("product", "cash USD", "token bill USD", "economic USD"), rows, right=(1, 2, 3))


def _print_notes(found: "Tco") -> None:
    from pipelines.tco import BANDS

    for name, (low, high) in BANDS.items():
        share: Decimal | None = getattr(found, name)
        where = "" if share is None else ", below" if share < low else ", above" if share > high else ", within"
        click.echo(f"{name.replace('_', ' '):<34} {_percent(share)} (usual: {low:.0%} to {high:.0%}{where})")
    multiplier = "-" if found.overhead_multiplier is None else f"{found.overhead_multiplier:.2f} x"
    every = "-" if found.overhead_multiplier_all_gpus is None else f"{found.overhead_multiplier_all_gpus:.2f} x"
    click.echo(f"{'overhead multiplier':<34} {multiplier} the GPUs that carry load, {every} all of them")
    for row in found.lines:
        if row.unvalued_wrong_answers:
            click.secho(
                f"{row.unvalued_wrong_answers:,} of {row.wrong_answers:,} wrong answers are of features without a "
                "remediation cost in tco.yml: they are in no amount",
                fg="yellow",
            )


def _print_ahead(found: "Tco") -> None:
    if not found.ahead:
        return
    table = [
        [
            f"{row.month:%Y-%m}",
            *(usd(row.cash_by_line_usd.get(line)) for line in NAMES if line != "bad_answers"),
            usd(row.cash_usd),
            usd(row.economic_usd),
        ]
        for row in found.ahead
    ]
    lines = [name for line, name in NAMES.items() if line != "bad_answers"]
    columns = ("month", *lines, "cash USD", "economic USD")
    print_table("Months ahead: an estimate", columns, table, right=tuple(range(1, len(columns))))
    for line, assumption in found.assumptions.items():
        click.echo(f"{NAMES[line]:<22} {assumption}")


def _print_comparison(found: "Comparison") -> None:
    table = [
        [
            row.alternative_id,
            row.cost_basis.replace("_", " "),
            usd(row.cost_usd),
            usd(row.cost_per_answer_usd, 6),
            _rate(row),
            "-" if row.judged_answers is None else f"{row.judged_answers:,}",
            usd(row.cost_per_correct_answer_usd, 6),
            usd(row.equal_at_usd_per_wrong_answer, 6),
            "-" if row.latency_p95_seconds is None else f"{row.latency_p95_seconds:.1f} s",
        ]
        for row in found.alternatives
    ]
    work = f"{found.calls:,} calls, {found.answers:,} {found.answer}s"
    part = "" if found.is_complete else f", {found.covered_days} days of it"
    of = f"{found.scenario_id}: {found.feature_id} in {found.month:%Y-%m}{part}, {work}"
    columns = (
        "architecture", "cost is", "USD", "USD / answer", "correct", "judged", "USD / correct", "equal at", "P95",
    )  # fmt: skip
    print_table(of, columns, table, right=(2, 3, 5, 6, 7, 8))
    wrong = "is not known" if found.usd_per_wrong_answer is None else f"costs {usd(found.usd_per_wrong_answer)} USD"
    best = (
        f"least per correct answer: {found.best}" if found.best else "no verdict: too few are known per correct answer"
    )
    click.echo(f"a wrong answer {wrong}; {best}")
    for row in found.alternatives:
        named = [f"{name.replace('_', ' ')}: {value}" for name, value in row.flags.items() if name != "switching_usd"]
        if "switching_usd" in row.flags:
            named.append(f"switching: {usd(row.flags['switching_usd'])} USD")
        if row.break_even_calls is not None:
            named.append(f"paid back after {ceil(row.break_even_calls):,} calls")
        if named:
            click.echo(f"beside the money, {row.alternative_id}: {'; '.join(named)}")
        if row.unpriced_calls:
            click.secho(f"{row.alternative_id}: {row.unpriced_calls:,} calls have no price there", fg="yellow")


def _rate(row: "Compared") -> str:
    if row.correct_answer_rate is None:
        return "-"
    return f"{row.correct_answer_rate:.1%} ({row.correct_answer_rate_low:.1%} to {row.correct_answer_rate_high:.1%})"


def _percent(share: Decimal | None) -> str:
    return "-" if share is None else f"{share:.1%}"
