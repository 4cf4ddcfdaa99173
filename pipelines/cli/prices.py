"""Commands around the price book."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.common import count, home_option, json_option, print_json, print_list, print_table, usd
from sources import clock
from sources.home import HOME_VARIABLE, Home

if TYPE_CHECKING:
    from pipelines.cache_break_even import BreakEven
    from pipelines.capacity_prices import CapacityPrice
    from pipelines.price_diff import Line, PriceDiff
    from pipelines.prices import Host, Price
    from sources.pricing.stored import TakenIn

DIFF_EXAMPLES = """\b
Examples:
  inferledger prices diff list current --month 2026-10 --home acme       what the contracts save
  inferledger prices diff current offer.yml --by tenant --home acme      what an offer would change, and for whom
  inferledger prices diff 5f4d8e17 current --home acme                   what another book changed since
"""

SHOW_EXAMPLES = """\b
Examples:
  inferledger prices show gpt-5-nano --provider openai --on 2026-10-31
  inferledger prices show claude-sonnet-4-5 --on 2026-10-31              at every host and region, with the spread
  inferledger prices show 'h100*' --home acme             GPU-hours by list, market and as the company pays them
  inferledger prices show gpt-5-nano --provider openai --on 2026-09-30 --known 2026-10-05 --home acme
                                                          what the book of 5 October said of 30 September
"""
IMPORT_EXAMPLES = """\b
Examples:
  inferledger prices import --home acme                the installed package, from now on whatever is installed
  inferledger prices import data.json --home acme      prices/new_data/v2/data.json of github.com/pydantic/genai-prices
"""


@click.group()
def prices() -> None:
    """Look prices up, and find what they lack."""


@prices.command(epilog=SHOW_EXAMPLES)
@click.argument("model")
@click.option("--provider", help="Who bills: openai, bedrock, openrouter, ...; every host when left out.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The UTC day; today when left out.")
@click.option(
    "--known",
    type=click.DateTime(["%Y-%m-%d"]),
    help="By the prices known that day: the public book of then, own entries checked by then; contracts as they are.",
)
@click.option("--tier", help="One service tier: standard, batch, flex, priority or fast; all when left out.")
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    envvar=HOME_VARIABLE,
    help="Show the company's contracted prices beside the list prices, by the home's book.",
)
@json_option
def show(
    model: str,
    provider: str | None,
    day: datetime | None,
    known: datetime | None,
    tier: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Show every price of MODEL on a day: list, contracted, tier, window, source.

    MODEL may be capacity too: a GPU (h100-sxm-80gb), a system of the hardware catalogue (h100-sxm-8), a unit of
    provisioned throughput (ptu-global) or a pattern of them. With --home, beside the company's own rates by the hour.

    Without --provider, what the model costs at every host and region of the book, and how much more or less than at
    its maker. Exits with 1 when the book has no price.
    """
    from pipelines.capacity_prices import show_capacity
    from pipelines.prices import show_hosts, show_prices, unit
    from sources.pricing import snapshot, stored
    from sources.pricing.capacity import capacity_entries
    from sources.pricing.entries import own_entries
    from sources.settings import load_settings

    place = Home.find(home) if home else None
    settings = load_settings(place) if place else None
    contracts = settings.contracts_usd if settings else ()
    on = day.date() if day else clock.now().date()
    as_of = known.date() if known else date.max
    by_the_hour = [entry for entry in capacity_entries() if entry.checked <= as_of]
    if capacities := show_capacity(model, on, provider, settings, by_the_hour):
        _print_capacity(model, on, capacities, as_json)
        return
    public = stored.known_on(place, as_of) if known else stored.current(place) if place else None
    entries = tuple(entry for entry in own_entries() if entry.checked <= as_of)
    if provider is None:
        _print_hosts(model, on, show_hosts(model, on, public or snapshot.installed(), entries), as_json)
        return
    found = show_prices(provider, model, on, contracts, (tier,) if tier else (), public, entries)
    if as_json:
        print_json({**vars(found), "cache_break_evens": [_break_even(*one) for one in found.cache_break_evens]})
    else:
        table = [
            [
                price.service_tier,
                price.window_utc,
                _input_tokens(price.above_input_tokens, price.is_threshold_inclusive),
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
        if found.cache_break_evens:
            names = ("tier", "hours UTC", "input tokens", "meter", "reads", "per")
            lines = [list(_break_even(*one).values()) for one in found.cache_break_evens]
            print_table("A prompt in the cache costs less than a plain one from", names, lines, right=(4,))
        for name, reason in found.missing.items():
            click.secho(f"{name}: {reason}", fg="yellow")
    if not found.prices:
        raise click.exceptions.Exit(1)


def _break_even(price: "Price", line: "BreakEven") -> dict[str, str]:
    return {
        "service_tier": price.service_tier,
        "window_utc": price.window_utc,
        "input_tokens": _input_tokens(price.above_input_tokens, price.is_threshold_inclusive),
        "meter": line.meter,
        "reads": f"{line.reads:.2f}",
        "per": line.per,
    }


@prices.command(epilog="\b\nExample:\n  inferledger prices check --home acme")
@home_option
@click.option(
    "--stale-days",
    type=click.IntRange(1),
    default=180,
    show_default=True,
    help="Warn of prices not checked for longer.",
)
@json_option
def check(home: Home, stale_days: int, as_json: bool) -> None:
    """Name usage of the last run without a price, and what is wrong with the prices there are.

    Errors: usage without a price, a price without a source, own entries that overlap or leave days without a price,
    contracts that overlap. Warnings: days between two contracts, prices nobody has checked lately, rates by the hour
    (GPUs, provisioned capacity) that no list price stands beside. Exits with 1 when there is an error.
    """
    from pipelines.price_check import ERROR, check_prices

    gaps = check_prices(home, stale_days)
    if as_json:
        print_json(gaps)
    elif gaps:
        table = [
            [
                gap.level,
                gap.kind,
                gap.where,
                gap.service_provider,
                gap.model_id,
                gap.service_tier,
                _span(gap.first_day, gap.last_day),
                gap.reason,
            ]
            for gap in gaps
        ]
        print_table(f"{home.root}", ("level", "what", "where", "provider", "model", "tier", "days", "why"), table)
    else:
        click.echo("every call has a price, and every price a source")
    if any(gap.level == ERROR for gap in gaps):
        raise click.exceptions.Exit(1)


@prices.command("import", epilog=IMPORT_EXAMPLES)
@click.argument("data", type=click.Path(path_type=Path), required=False, metavar="[DATA_JSON]")
@home_option
@click.option("--accept", is_flag=True, help="Take in an older book, and prices far from those in use: they are right.")
@json_option
def import_(data: Path | None, home: Home, accept: bool, as_json: bool) -> None:
    """Make the installed genai-prices, or a data.json of its repository, the home's public price book.

    The home keeps every book under prices/, and the next run prices all open calls by the last one. Models that newer
    data no longer have keep their prices. Without an import the installed package is the book.
    """
    from pipelines.prices import import_prices

    taken = import_prices(home, data, accept, "inferledger prices import")
    if as_json:
        print_json(taken)
    else:
        _print_taken(taken, home)


@prices.command(epilog="\b\nExample:\n  inferledger prices books --home acme")
@home_option
@json_option
def books(home: Home, as_json: bool) -> None:
    """List the home's price books: public ones taken in, versions that runs used, and what each new one moved.

    `prices diff` takes any of them by the beginning of its hash.
    """
    from pipelines.prices import list_books

    found = list_books(home)
    if as_json:
        print_json(found)
        return
    print_table(
        f"{home.root}",
        ("kind", "hash", "known from", "public book", "in use"),
        [
            [one.kind, one.sha256[:12], str(one.known_from or "-"), one.name, "yes" if one.is_current else ""]
            for one in found.books
        ],
    )
    for repriced in found.repricings:
        click.echo(f"version {repriced.version_id}: {repriced}")


def _print_taken(taken: "TakenIn", home: Home) -> None:
    if taken.path is None:
        click.echo(f"{taken.name} is the book since {taken.known_from}: nothing changed")
        return
    click.echo(f"book       {taken.path.relative_to(home.root)}: {taken.name}, before {taken.before}")
    print_list("new", taken.new_models)
    print_list("kept", [f"{name}: not in these data" for name in taken.kept_models])
    print_list("changed", [str(change) for change in taken.changes])
    if not taken.new_models and not taken.changes:
        click.echo("no price changed")
    click.echo(f"Next: inferledger run --home {home.root}")


@prices.command(epilog=DIFF_EXAMPLES)
@click.argument("a")
@click.argument("b")
@home_option
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="Such as 2026-10; the last complete one when left out.")
@click.option(
    "--by", type=click.Choice(["model", "tenant", "both"]), default="model", show_default=True, help="What a line is."
)
@json_option
def diff(a: str, b: str, home: Home, month: datetime | None, by: str, as_json: bool) -> None:
    """Price a month's calls under books A and B, and show what changes.

    A book is `list` (public prices only), `current` (with the home's contracts), `installed` (the package's public
    book), the path of another contracts.yml, or one that `prices books` lists, by its hash, number or day. Uses the
    calls as they are published; nothing of the home changes.
    """
    from pipelines.price_diff import diff_prices

    found = diff_prices(home, a, b, month.date() if month else None, by)
    if as_json:
        print_json(found)
    else:
        _print_diff(found, by)


def _print_diff(found: "PriceDiff", by: str) -> None:
    names = ["provider", "model"] * (by != "tenant") + ["tenant"] * (by != "model")

    def cells(line: "Line") -> list[str]:
        amounts = [usd(line.a_usd), usd(line.b_usd), usd(line.difference_usd)]
        percent = "-" if line.difference_percent is None else f"{line.difference_percent:+.2f} %"
        return [f"{line.calls:,}", *amounts, percent, f"{line.unpriced_a:,}", f"{line.unpriced_b:,}"]

    table = [
        [*(name for name in (line.service_provider, line.model, line.tenant_id) if name is not None), *cells(line)]
        for line in found.lines
    ]
    table.append(["all", *[""] * (len(names) - 1), *cells(found.total)])
    numbers = ["calls", "A USD", "B USD", "B - A USD", "change", "unpriced A", "unpriced B"]
    title = f"{found.month:%Y-%m}: A = {found.a}, B = {found.b}"
    print_table(title, [*names, *numbers], table, right=range(len(names), len(names) + len(numbers)))
    if found.total.unpriced_a or found.total.unpriced_b:
        click.echo("Calls without a price are in no amount; B - A is of the calls that both books price.")
    if found.self_hosted_calls:
        click.echo(f"Left out: {count(found.self_hosted_calls, 'call')} to own nodes, which cost GPU hours.")


def _print_capacity(name: str, on: date, prices: "list[CapacityPrice]", as_json: bool) -> None:
    if as_json:
        print_json(prices)
        return
    table = [
        [
            f"paid: {one.name}" if one.price == "paid" else one.price,
            one.capacity,
            one.service_provider,
            one.region,
            one.terms,
            _amount(one.usd) + (f" to {_amount(one.up_to_usd)}" if one.up_to_usd is not None else ""),
            _amount(one.list_usd),
            one.unit.replace("_", " "),
            f"{one.source}, {one.checked}" if one.checked else one.source,
        ]
        for one in prices
    ]
    columns = ("price", "capacity", "provider", "region", "terms", "USD", "list USD", "each", "source, checked")
    print_table(f"{name} on {on}", columns, table, right=(5, 6))


def _print_hosts(model: str, day: date, hosts: "list[Host]", as_json: bool) -> None:
    if as_json:
        print_json(hosts)
    elif hosts:
        columns = ("provider", "region", "model", "input USD", "output USD", "input spread", "output spread", "source")
        table = [
            [
                host.provider,
                host.region,
                host.model,
                _amount(host.input_usd),
                _amount(host.output_usd),
                _percent(host.input_spread_percent),
                _percent(host.output_spread_percent),
                host.source,
            ]
            for host in hosts
        ]
        print_table(f"{model} on {day}, list prices per million tokens", columns, table, right=(3, 4, 5, 6))
    else:
        click.secho(f"no provider of the book serves {model!r}; --provider names the nearest", fg="yellow")
    if not hosts:
        raise click.exceptions.Exit(1)


def _percent(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:+.2f} %"


def _input_tokens(threshold: int, is_inclusive: bool) -> str:
    return f"{'>=' if is_inclusive else '>'} {threshold:,}" if threshold else "any"


def _amount(value: Decimal | None) -> str:
    """All digits of a price; a dash where there is none."""
    return "-" if value is None else f"{value.normalize():f}"


def _span(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"
