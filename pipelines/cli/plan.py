"""Commands that look ahead: what a product would cost, and what a change would save."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.common import count, home_option, json_option, print_json, print_list, print_table, usd
from sources import clock
from sources.home import HOME_VARIABLE, Home

if TYPE_CHECKING:
    from pipelines.estimate import Change, Estimate
    from pipelines.what_if import WhatIf

ESTIMATE_EXAMPLES = """\b
Examples:
  inferledger estimate anthropic/claude-sonnet-5 --input 800 --output 300 --messages 50 --users 1000 --revenue 9.99
  inferledger estimate openai/gpt-5-nano=70 openai/gpt-5.6-sol=30 --input 2000 --output 500
  inferledger estimate anthropic/claude-sonnet-5 --input 500 --output 200 --messages 4000 --users 250 --acv 60000
  inferledger estimate openai/gpt-5-nano --input 400 --output 200 --setup 5000 --instead-of openai/gpt-5
"""

WHAT_IF_EXAMPLES = """\b
Examples:
  inferledger what-if --model gpt-4.1 --to-model gpt-4.1-mini --home acme
  inferledger what-if --feature digest --to-tier batch --month 2026-10 --home acme
  inferledger what-if --tenant acme --to-cache-hit-rate 80 --by feature --home acme
"""
PERCENT = click.FloatRange(0, 100)


@click.command("what-if", epilog=WHAT_IF_EXAMPLES)
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="Such as 2026-10; the last complete one when left out.")
@click.option("--tenant", "tenant_id", help="Only calls of this tenant.")
@click.option("--product", "product_id", help="Only calls of this product.")
@click.option("--feature", "feature_id", help="Only calls of this feature.")
@click.option("--provider", "service_provider", help="Only calls this provider bills.")
@click.option("--model", help="Only calls of this model, by its canonical name.")
@click.option("--tier", "service_tier", help="Only calls of this service tier.")
@click.option("--latency-insensitive", is_flag=True, help="Only calls marked so: those that could wait for a batch.")
@click.option("--to-model", help="Another model answers.")
@click.option("--to-provider", help="Another provider serves the model.")
@click.option("--to-tier", help="Another service tier, such as batch or flex.")
@click.option("--to-cache-hit-rate", type=PERCENT, help="Percent of input read from the prompt cache.")
@click.option("--to-reasoning", type=PERCENT, help="Percent of the reasoning tokens there were.")
@click.option("--to-max-output", type=click.IntRange(1), help="At most so many output tokens a call.")
@click.option("--by", type=click.Choice(["model", "tenant", "feature"]), default="model", show_default=True)
@home_option
@json_option
def what_if(
    month: datetime | None,
    latency_insensitive: bool,
    to_model: str | None,
    to_provider: str | None,
    to_tier: str | None,
    to_cache_hit_rate: float | None,
    to_reasoning: float | None,
    to_max_output: int | None,
    by: str,
    home: Home,
    as_json: bool,
    **equal: str | None,
) -> None:
    """Price a month's calls again as if another model, tier or habit had served them: an estimate.

    Both sides are at the company's contracted prices, by the SQL that prices every run. The calls stay what they
    were: another model would write other answers, and whether they would be good enough no price can tell.
    """
    from pipelines.price_diff import month_span
    from pipelines.what_if import Change, Selection, what_if

    first, end = month_span(month.date() if month else None)
    selection = Selection(first, end, {name: value for name, value in equal.items() if value}, latency_insensitive)
    change = Change(
        to_model, to_provider, to_tier, _share(to_cache_hit_rate), _share(to_reasoning), max_output_tokens=to_max_output
    )
    found = what_if(home, selection, change, by)
    if as_json:
        print_json(found)
    else:
        _print_what_if(found, first, by)


class ModelShare(click.ParamType[Any]):
    """PROVIDER/MODEL, or PROVIDER/MODEL=PERCENT of the messages."""

    name = "provider/model[=percent]"

    def convert(self, value: Any, parameter: Any, context: Any) -> tuple[tuple[str, str], Decimal | None]:
        names, _, percent = str(value).partition("=")
        provider, _, model = names.partition("/")
        try:
            share = Decimal(percent) / 100 if percent else None
        except InvalidOperation:
            self.fail(f"{percent!r} is no percentage", parameter, context)
        if not provider or not model:
            self.fail(f"{value!r} is not provider/model, such as openai/gpt-5-nano", parameter, context)
        return (provider, model), share


class Amount(click.ParamType[Any]):
    """A decimal number of 0 or more, with all its digits."""

    name = "number"

    def convert(self, value: Any, parameter: Any, context: Any) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is no number", parameter, context)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not 0 or more", parameter, context)
        return amount


@click.command(epilog=ESTIMATE_EXAMPLES)
@click.argument("models", nargs=-1, required=True, type=ModelShare(), metavar="PROVIDER/MODEL[=PERCENT]...")
@click.option("--input", "input_tokens", type=click.IntRange(0), required=True, help="Tokens of a prompt.")
@click.option("--output", "output_tokens", type=click.IntRange(0), required=True, help="Tokens of an answer.")
@click.option("--reasoning", "reasoning_tokens", type=click.IntRange(0), default=0, help="Hidden tokens of an answer.")
@click.option("--cached", type=PERCENT, default=0, help="Percent of the prompt read from the prompt cache.")
@click.option("--tier", default="standard", show_default=True, help="Service tier, such as batch.")
@click.option("--messages", type=click.IntRange(0), default=1, show_default=True, help="Of a user in a month.")
@click.option("--users", type=click.IntRange(1), default=1, show_default=True, help="Paying users, or seats of a deal.")
@click.option("--retry-percent", type=PERCENT, default=0, help="Percent of messages that fail.")
@click.option(
    "--retries", type=click.IntRange(1), default=1, show_default=True, help="Billed attempts after a failure."
)
@click.option("--free-users", type=Amount(), default="0", help="Free users for each paying one, who ask as much.")
@click.option("--safety", type=Amount(), default="2", show_default=True, help="Factor on the cost before the verdict.")
@click.option("--revenue", type=Amount(), help="USD a paying user and month.")
@click.option("--acv", type=Amount(), help="USD a year of the whole deal, in place of --revenue.")
@click.option("--trace-kb", "traced_kilobytes", type=Amount(), default="0", help="Kept of a message by tracing, in kB.")
@click.option("--trace-usd-per-gb", "tracing_usd_per_gigabyte", type=Amount(), default="0", help="Price of tracing.")
@click.option(
    "--setup", "setup_usd", type=Amount(), default="0", help="USD once: a fine-tuning run, an index to build."
)
@click.option(
    "--instead-of", type=ModelShare(), help="PROVIDER/MODEL it would replace: from how many messages it pays."
)
@click.option("--instead-input", type=click.IntRange(0), help="Tokens of that one's prompt; --input when left out.")
@click.option("--other", "others", type=ModelShare(), multiple=True, help="PROVIDER/MODEL to compare with; repeatable.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The UTC day of the prices; today when left out.")
@click.option(
    "--home", type=click.Path(path_type=Path), envvar=HOME_VARIABLE, help="Use this home's contracts and price book."
)
@json_option
def estimate(
    models: tuple[tuple[tuple[str, str], Decimal | None], ...],
    cached: float,
    tier: str,
    messages: int,
    retry_percent: float,
    retries: int,
    free_users: Decimal,
    safety: Decimal,
    revenue: Decimal | None,
    acv: Decimal | None,
    others: tuple[tuple[tuple[str, str], Decimal | None], ...],
    traced_kilobytes: Decimal,
    tracing_usd_per_gigabyte: Decimal,
    setup_usd: Decimal,
    instead_of: tuple[tuple[str, str], Decimal | None] | None,
    instead_input: int | None,
    day: datetime | None,
    home: Path | None,
    as_json: bool,
    users: int,
    **tokens: int,
) -> None:
    """Estimate a product or deal before its first call: users x messages x tokens x price x retries.

    The cost is doubled for safety (--safety) before it is compared with revenue: below 3:1 the product is shaky.
    Beside it, what another model, a prompt cache, and more messages would change. With percentages several models
    share the messages. With --setup and --instead-of: from how many messages a fine-tuned model, or one that is handed
    the passages it needs, pays against a long prompt.
    """
    from pipelines import estimate as estimates
    from sources.pricing import snapshot, stored
    from sources.settings import load_settings

    if revenue is not None and acv is not None:
        raise click.UsageError("--revenue is of a user and month, --acv of the deal and year: give one of them")
    place = Home.find(home) if home else None
    contracts, public = (load_settings(place).contracts_usd, stored.current(place)) if place else ((), None)
    prices = estimates.PriceBook(day.date() if day else clock.now().date(), public or snapshot.installed(), contracts)
    product = estimates.Product(
        models=_shares(models),
        cached_share=_share(cached) or Decimal(0),
        service_tier=tier,
        users=users,
        messages_per_user=messages,
        retry_factor=1 + (_share(retry_percent) or Decimal(0)) * retries,
        safety_factor=safety,
        free_users_per_paid=free_users,
        revenue_per_user_usd=acv / 12 / users if acv is not None else revenue,
        traced_kilobytes=traced_kilobytes,
        tracing_usd_per_gigabyte=tracing_usd_per_gigabyte,
        setup_usd=setup_usd,
        **tokens,
    )
    found = estimates.estimate(product, prices)
    changes = estimates.sensitivity(product, prices, [name for name, _ in others])
    pays = None
    if instead_of:
        given = product.input_tokens if instead_input is None else instead_input
        replaced = replace(product, models={instead_of[0]: Decimal(1)}, input_tokens=given, setup_usd=Decimal(0))
        pays = estimates.pays_from_messages(product, replaced, prices)
    if as_json:
        print_json({"estimate": found, "changes": changes, **({"pays_from_messages": pays} if instead_of else {})})
        return
    _print_estimate(found, changes, safety, has_setup=bool(setup_usd))
    if instead_of:
        name = f"{instead_of[0][1]} of {instead_of[0][0]}"
        click.echo(
            f"{name}: costs less for any number" if pays is None else f"pays against {name} from {pays:,} messages"
        )


def _shares(models: tuple[tuple[tuple[str, str], Decimal | None], ...]) -> dict[tuple[str, str], Decimal]:
    if len(models) == 1 and models[0][1] is None:
        return {models[0][0]: Decimal(1)}
    if any(share is None for _, share in models):
        raise click.UsageError("several models share the messages: give each its percentage, as openai/gpt-5-nano=70")
    return {name: share for name, share in models if share is not None}


def _print_estimate(found: "Estimate", changes: "list[Change]", safety: Decimal, has_setup: bool) -> None:
    lines = [
        ("a message", usd(found.message_usd, 6)),
        ("a paying user and month, with retries", usd(found.user_usd, 4)),
        ("free users of a paying one", usd(found.free_users_per_paid_usd, 4)),
        *([("tracing of a month", usd(found.tracing_usd))] if found.tracing_usd else []),
        ("a month", usd(found.month_usd)),
        *([("the first year, with what is paid once", usd(found.year_usd))] if has_setup else []),
        (f"a month, {safety.normalize():f} x for safety", usd(found.safe_month_usd)),
        ("revenue of a month", usd(found.revenue_usd)),
    ]
    print_table("Estimate in USD", ("what", "USD"), lines, right=(1,))
    if found.gross_margin is not None and found.cost_per_revenue_dollar is not None:
        ratio = "-" if found.revenue_to_safe_cost is None else f"{found.revenue_to_safe_cost:.1f}"
        click.echo(
            f"margin {found.gross_margin:.1%}, {found.cost_per_revenue_dollar:.3f} USD a revenue dollar; "
            f"revenue is {ratio} times the safe cost"
        )
    click.secho(found.verdict, fg="green" if found.verdict == "sound" else "yellow", bold=True)
    table = [
        [
            change.name,
            usd(change.user_usd, 4),
            "-" if change.margin_change is None else f"{change.margin_change * 100:+.1f} pp",
            change.verdict,
        ]
        for change in changes
    ]
    print_table("If", ("if", "USD a user and month", "margin", "then"), table, right=(1, 2))


def _share(percent: float | None) -> Decimal | None:
    return None if percent is None else Decimal(str(percent)) / 100


def _print_what_if(found: "WhatIf", month: date, by: str) -> None:
    def cells(line: Any) -> list[str]:
        percent = "-" if line.difference_percent is None else f"{line.difference_percent:+.2f} %"
        return [f"{line.calls:,}", usd(line.a_usd), usd(line.b_usd), usd(line.difference_usd), percent]

    names = {"model": ["provider", "model"], "tenant": ["tenant"], "feature": ["feature"]}[by]
    table = [
        [*(name for name in (line.service_provider, line.model, line.tenant_id, line.feature_id) if name), *cells(line)]
        for line in found.lines
    ]
    table.append(["all", *[""] * (len(names) - 1), *cells(found.total)])
    columns = [*names, "calls", "as it was USD", "changed USD", "difference USD", "change"]
    title = f"{month:%Y-%m}, estimate: the same calls at contracted prices"
    print_table(title, columns, table, right=range(len(names), len(columns)))
    if found.total.unpriced_b:
        print_list("no price", [f"{count(found.total.unpriced_b, 'call')} in no difference", *found.unpriced_reasons])
    if found.self_hosted_calls:
        click.echo(f"Left out: {count(found.self_hosted_calls, 'call')} to own nodes, which cost GPU hours.")
