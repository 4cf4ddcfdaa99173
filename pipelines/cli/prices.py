"""Commands around the price book."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import click

from pipelines.cli.common import home_option, json_option, print_json, print_table
from sources import clock
from sources.home import HOME_VARIABLE, Home


@click.group()
def prices() -> None:
    """Look prices up, and find what they lack."""


@prices.command(epilog="\b\nExample:\n  inferledger prices show gpt-5-nano --provider openai --on 2026-10-31")
@click.argument("model")
@click.option("--provider", required=True, help="Who bills: openai, anthropic, bedrock, openrouter, ...")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The UTC day; today when left out.")
@click.option("--tier", help="One service tier: standard, batch, flex or priority; all when left out.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    envvar=HOME_VARIABLE,
    help="Show the company's contracted prices beside the list prices.",
)
@json_option
def show(model: str, provider: str, day: datetime | None, tier: str | None, home: Path | None, as_json: bool) -> None:
    """Show every price of MODEL on a day: list, contracted, tier, window, source.

    Exits with 1 when the book has none.
    """
    from pipelines.prices import show_prices, unit
    from sources.settings import load_settings

    contracts = load_settings(Home.find(home)).contracts if home else ()
    on = day.date() if day else clock.now().date()
    found = show_prices(provider, model, on, contracts, (tier,) if tier else ())
    if as_json:
        print_json(found)
    else:
        table = [
            [
                price.service_tier,
                price.window_utc,
                f"> {price.above_input_tokens:,}" if price.above_input_tokens else "any",
                price.meter,
                _amount(price.list_usd),
                _amount(price.contracted_usd),
                unit(price.meter),
                price.source,
            ]
            for price in found.prices
        ]
        columns = ("tier", "hours UTC", "input tokens", "meter", "list USD", "contracted USD", "unit", "source")
        print_table(f"{found.model} of {provider} on {on} ({found.method} match)", columns, table, right=(4, 5))
        for name, reason in found.missing.items():
            click.secho(f"{name}: {reason}", fg="yellow")
    if not found.prices:
        raise click.exceptions.Exit(1)


@prices.command(epilog="\b\nExample:\n  inferledger prices check --home acme")
@home_option
@json_option
def check(home: Home, as_json: bool) -> None:
    """Name usage without a price and prices without a source, as of the last run.

    Exits with 1 when there is any.
    """
    from pipelines.prices import check_prices

    gaps = check_prices(home)
    if as_json:
        print_json(gaps)
    elif gaps:
        table = [
            [
                gap.kind,
                gap.service_provider,
                gap.model_id,
                gap.service_tier,
                _span(gap.first_day, gap.last_day),
                gap.reason,
            ]
            for gap in gaps
        ]
        print_table(f"{home.root}", ("what", "provider", "model", "tier", "days", "why"), table)
    else:
        click.echo("every call has a price, and every price a source")
    if gaps:
        raise click.exceptions.Exit(1)


def _amount(value: Decimal | None) -> str:
    """All digits of a price; a dash where there is none."""
    return "-" if value is None else f"{value.normalize():f}"


def _span(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"
