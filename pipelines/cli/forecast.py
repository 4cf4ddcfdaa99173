"""`inferledger forecast`: what the next twelve months will cost."""

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from pipelines.cli.common import count, home_option, json_option, print_json, print_table, usd
from sources import clock
from sources.home import Home

if TYPE_CHECKING:
    from pipelines.forecast import Forecast

EXAMPLES = """\b
Examples:
  inferledger forecast --home acme
  inferledger forecast --product support --growth 3 --price-compression 40 --home acme
  inferledger forecast --account "5100 Inference" --json --home acme
"""
NAMES = {
    "base": "base",
    "other_charges": "other charges",
    "planned_growth": "planned growth",
    "price_compression": "falling prices",
    "growth_reserve": "growth reserve",
    "hidden_costs": "hidden costs",
}
PERCENT = click.FloatRange(0, 100)


@click.command(epilog=EXAMPLES)
@click.option("--product", help="One product instead of the company.")
@click.option("--model", help="One model instead of the company.")
@click.option("--account", help="One account of the general ledger instead of the company.")
@click.option("--growth", type=click.FloatRange(-90, 100), help="Percent traffic grows a month; else as tco.yml says.")
@click.option("--price-compression", type=click.FloatRange(0, 99), help="Percent prices fall within twelve months.")
@click.option("--growth-reserve", type=PERCENT, help="Percent of the base, for growth nobody planned.")
@click.option("--hidden-costs", type=PERCENT, help="Percent of the base, for what stands on no price list.")
@click.option("--save-plan", is_flag=True, help="Add it to config/plan.csv as the plan of today, by account.")
@home_option
@json_option
def forecast(
    product: str | None,
    model: str | None,
    account: str | None,
    growth: float | None,
    price_compression: float | None,
    growth_reserve: float | None,
    hidden_costs: float | None,
    save_plan: bool,
    home: Home,
    as_json: bool,
) -> None:
    """What the next twelve months will cost: today's traffic at contracted prices, and named lines on top.

    An estimate of the published marts; other assumptions change nothing in the home. Other charges are what no price of
    a call explains, such as own GPUs. --save-plan fixes it, under these assumptions, as the plan that later months are
    held against.
    """
    from pipelines import forecast as ahead

    asked = [(scope, value) for scope, value in (("product", product), ("model", model), ("account", account)) if value]
    if len(asked) > 1:
        raise click.UsageError("give one of --product, --model and --account")
    scope, scope_id = asked[0] if asked else ("company", "company")
    knobs = ahead.Knobs(*(_percent(value) for value in (growth, price_compression, growth_reserve, hidden_costs)))
    if save_plan:
        if asked:
            raise click.UsageError("--save-plan is of the whole company")
        plan = ahead.save_plan(home, knobs, clock.now().date())
        if as_json:
            print_json(plan)
            return
        click.echo(
            f"saved      {plan.path}: the plan of {plan.planned_on}, {plan.months} months of "
            f"{count(len(plan.accounts), 'account')}, {usd(plan.amount_usd)} USD"
        )
        click.echo("           the next `inferledger run` holds it against the journals")
        return
    found = ahead.read_forecast(home, scope, scope_id, knobs)
    if as_json:
        print_json(found)
        return
    _print_months(found)
    _print_trust(found)


def _percent(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _print_months(found: "Forecast") -> None:
    table = [
        [
            f"{month.month:%Y-%m}",
            *(usd(month.lines_usd[line]) for line in NAMES),
            usd(month.amount_usd),
            usd(month.low_usd),
            usd(month.high_usd),
            "-" if month.requests is None else f"{month.requests:,}",
        ]
        for month in found.months
    ]
    columns = ("month", *NAMES.values(), "total USD", "low", "high", "requests")
    of = "the company" if found.scope == "company" else f"{found.scope} {found.scope_id}"
    assumed = ", under other assumptions" if found.is_scenario else ""
    title = f"Forecast of {of}{assumed}: an estimate from traffic to {found.basis_date}"
    print_table(title, columns, table, right=tuple(range(1, len(columns))))


def _print_trust(found: "Forecast") -> None:
    first = found.months[0]
    if first.steady_floor_usd is not None:
        click.echo(
            f"{'steady floor':<16} {usd(first.steady_floor_usd)} USD of the base in {first.month:%Y-%m} at a P50 day; "
            f"spikes to P95 {usd(first.spike_reserve_p95_usd)}, to P99 {usd(first.spike_reserve_p99_usd)} above it"
        )
    if found.back_test_error is not None and found.seasonal_naive_error is not None:
        click.echo(
            f"{'back-test':<16} {found.back_test_error:.1%} off 28 days ahead over {found.back_test_origins} weeks; "
            f"the last week again {found.seasonal_naive_error:.1%}"
        )
    if found.reason:
        click.secho(f"{'note':<16} {found.reason}", fg="yellow")
