"""Commands of the accountant: close, diff, accrual."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.common import count, home_option, json_option, print_json, print_table, usd
from sources.home import Home

if TYPE_CHECKING:
    from assets.accounting.checklist import Check
    from assets.accounting.closing import Closing
    from assets.accounting.history import Diff

CLOSE_EXAMPLES = """\b
Examples:
  inferledger close 2026-10 --preparer ann --approver bob --dry-run      show the checklist, write nothing
  inferledger close 2026-10 --preparer ann --approver bob
  inferledger close 2026-10 --preparer ann --approver bob --override files="the day's log was lost, see ticket 81"
"""


def _overrides(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f'{value!r}: write the check and the reason, such as files="log lost, ticket 81"')
    return dict(value.split("=", 1) for value in values)


@click.command(epilog=CLOSE_EXAMPLES)
@click.argument("period")
@home_option
@click.option("--preparer", required=True, help="Who prepared the period.")
@click.option("--approver", required=True, help="Who approves it; another person.")
@click.option(
    "--override",
    "overrides",
    multiple=True,
    callback=_overrides,
    metavar='CHECK="REASON"',
    help="Close although this check fails; the reason is recorded. As often as needed.",
)
@click.option("--dry-run", is_flag=True, help="Show the checklist and write nothing.")
@json_option
def close(
    period: str,
    home: Home,
    preparer: str,
    approver: str,
    overrides: dict[str, str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Close the posting period PERIOD, a month such as 2026-10, for good.

    Writes <home>/closed/PERIOD: its postings and exports with a manifest of their hashes. Periods close in order, after
    they ended. Exits with 1 and closes nothing when a check fails that is not overridden. There is no reopen: what
    comes later is posted as corrections in the next period, which name what they correct.
    """
    from pipelines import periods

    closing = periods.close(
        home,
        period,
        preparer=preparer,
        approver=approver,
        overrides=overrides,
        is_dry_run=dry_run,
        command="inferledger close",
    )
    if as_json:
        print_json({**vars(closing), "blocked_by": [check.name for check in closing.blocked_by]})
    else:
        _print_closing(home, closing)
    if closing.blocked_by:
        raise click.exceptions.Exit(1)


def _print_closing(home: Home, closing: "Closing") -> None:
    table = [[check.name, _verdict(check), check.claim, check.found] for check in closing.checks]
    print_table(f"Checklist of {closing.period}", ("check", "result", "claim", "found"), table)
    what = f"{count(closing.postings, 'posting')}, {usd(closing.amount_usd)} USD"
    if closing.blocked_by:
        names = ", ".join(check.name for check in closing.blocked_by)
        click.secho(f"not closed {closing.period} ({what}): {names}", fg="red")
        click.echo('Next: put it right, or close with --override CHECK="REASON" for each')
    elif closing.folder is None:
        click.echo(f"can close  {closing.period} ({what}); nothing was written")
    else:
        click.echo(f"closed     {closing.period} ({what}): {closing.folder}")
        click.echo(f"Next: inferledger run --home {home.root}")


def _verdict(check: "Check") -> str:
    if check.passed:
        return "ok"
    at_stake = "" if check.amount_usd is None else f", {usd(check.amount_usd)} USD"
    if check.override:
        return f"overridden{at_stake}: {check.override}"
    return f"{'immaterial' if check.is_immaterial else 'blocks'}{at_stake}"


DIFF_EXAMPLES = """\b
Examples:
  inferledger diff 2026-10 --as-of 2026-11-04 --as-of 2026-11-18
  inferledger diff 2026-10 --as-of 2026-11-04                       against now
"""


@click.command(epilog=DIFF_EXAMPLES)
@click.argument("period")
@home_option
@click.option(
    "--as-of", "times", multiple=True, required=True, help="A time (UTC), or a day, meaning its end; once or twice."
)
@json_option
def diff(period: str, home: Home, times: tuple[str, ...], as_json: bool) -> None:
    """Show what was said about the usage of PERIOD at two times, where it differs, and what came in between.

    By tenant, kind of charge and posting period: what a closed month is corrected by stands in a later one.
    """
    from pipelines import periods

    if len(times) > 2:
        raise click.BadParameter(f"found {len(times)}, allowed are one or two", param_hint="--as-of")
    before, after = sorted(times) if len(times) == 2 else (times[0], None)
    found = periods.compare(home, period, before, after)
    if as_json:
        print_json(found)
    else:
        _print_diff(found)


def _print_diff(found: "Diff") -> None:
    table = [
        [
            row["tenant_id"],
            row["charge_category"],
            row["posting_period"],
            usd(row["before_usd"]),
            usd(row["after_usd"]),
            usd(row["change_usd"]),
            row["why"] + (" (immaterial)" if row["is_immaterial"] else ""),
        ]
        for row in found.rows
    ]
    columns = ("tenant", "category", "posted in", "before USD", "after USD", "change USD", "why")
    print_table(f"{found.period} as of {found.before} and {found.after}", columns, table, right=(3, 4, 5))
    click.echo(f"total      {usd(found.total_before_usd)} USD, then {usd(found.total_after_usd)} USD")
    if found.closed:
        click.echo("closed     {closed_at}, prepared by {preparer}, approved by {approver}".format(**found.closed))
    for cause in found.causes:
        click.echo(f"came       {cause.recorded_at}: {cause.cause}")


@click.command(epilog="\b\nExample:\n  inferledger accrual 2026-11")
@click.argument("period")
@home_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files; the home's reports/PERIOD when left out.",
)
@json_option
def accrual(period: str, home: Home, out: Path | None, as_json: bool) -> None:
    """Write the accrual memo of PERIOD: accrual.csv and accrual.md.

    By provider, account and cost center: what is anchored, what is estimated, what corrects closed periods; and how far
    last month's estimate was from what the month is now.
    """
    from pipelines import periods

    memo = periods.accrue(home, period, out, "inferledger accrual")
    if as_json:
        print_json(memo)
    else:
        click.echo(
            f"accrual    {usd(memo.total('accrual_usd'))} USD, {usd(memo.total('estimated_usd'))} USD of it estimated"
        )
        for path in memo.paths:
            click.echo(f"written    {path}")
