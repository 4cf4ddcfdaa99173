"""Commands of the accountant: close."""

from typing import TYPE_CHECKING

import click

from pipelines.cli.common import count, home_option, json_option, print_json, print_table, usd
from sources.home import Home

if TYPE_CHECKING:
    from assets.accounting.checklist import Check
    from assets.accounting.closing import Closing

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
