"""Commands that write: run, report, export, audit."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assets.exports import EXPORTS, Export
from pipelines.cli.common import count, home_option, json_option, print_json, print_list, print_table, usd
from sources.home import Home

if TYPE_CHECKING:
    from assets.reports.audience import Audience
    from pipelines.run import RunResult

# A change above 1,000 % is read more easily as a multiple.
SHOWN_AS_PERCENT = 10
WEEK_HELP = "An ISO week such as 2026-W46, or its Monday."
AUDIENCE_HELP = "Whose rows are in it: company (as it is when left out), product:ID or tenant:ID."


class Week(click.ParamType[date]):
    """2026-W46 or 2026-11-09, as the Monday."""

    name = "week"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            monday = date.fromisoformat(f"{value}-1" if "W" in str(value) else value)
        except ValueError:
            self.fail(f"{value!r} is no week; write one such as 2026-W46", param, ctx)
        if monday.weekday() != 0:
            self.fail(f"{monday} is a {monday:%A}; write a Monday or an ISO week such as 2026-W46", param, ctx)
        return monday


class AudienceName(click.ParamType["Audience"]):
    """company, product:search or tenant:acme."""

    name = "audience"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "Audience":
        from assets.reports.audience import AudienceError, parse_audience

        try:
            return parse_audience(value)
        except AudienceError as error:
            self.fail(str(error), param, ctx)


RUN_EXAMPLES = """\b
Examples:
  inferledger run --home acme                 everything there is to do
  inferledger run --home acme --no-report     up to the published marts
  inferledger run --home acme --json          the result for a script; progress stays on stderr
"""


@click.command(epilog=RUN_EXAMPLES)
@home_option
@click.option("--week", type=Week(), help=f"Week of the report. {WEEK_HELP} The last complete one when left out.")
@click.option("--no-report", is_flag=True, help="Stop after publishing and checking the marts.")
@click.option(
    "--full",
    is_flag=True,
    help="Build everything anew, not only the days that what is new touches; publish it where the same inputs were "
    "published with other rows.",
)
@json_option
def run(home: Home, week: date | None, no_report: bool, full: bool, as_json: bool) -> None:
    """Take in new files, build the marts, check them, publish them, write the report.

    Does only what is new. Can be killed and typed again at any time: what was not finished is done then. A second run
    waits for the first.
    """
    from pipelines import run as runs
    from pipelines.progress import shown_progress

    with shown_progress() as progress:
        result = runs.run(home, week, not no_report, progress, "inferledger run", full)
    if as_json:
        print_json(_summary(result))
    else:
        _print_run(home, result)


def _summary(result: "RunResult") -> dict[str, Any]:
    from pipelines.summary import week_table

    tenants, total = week_table(result.database, result.week) if result.week else ([], None)
    return {**vars(result), "database": result.database, "tenants": tenants, "total": total}


def _print_run(home: Home, result: "RunResult") -> None:
    from assets.deliver import week_name

    if result.week:
        _print_week(result.database, result.week)
    for path in result.written:
        click.echo(f"written    {path}")
    if result.version_id:
        news = "" if result.is_new else ", nothing new"
        click.echo(f"database   {result.database}  (version {result.version_id}{news})")
    print_list("warning", result.warnings, "`inferledger status` and `inferledger quarantine show` name all")
    if result.report:
        click.echo(f"Next: open {result.report}")
    elif result.week:
        click.echo(f"Next: inferledger report --home {home.root} --week {week_name(result.week)}")
    else:
        click.echo(f"Next: put exports in {home.landing}/<feed>/<table>/, then inferledger run --home {home.root}")


def _print_week(database: Path, week: date) -> None:
    from assets.deliver import week_name
    from pipelines.summary import TenantWeek, week_table

    def cells(name: str, row: TenantWeek) -> list[str]:
        change = "-" if row.cost_change is None else f"{row.cost_change:+.1%}"
        if row.cost_change is not None and row.cost_change > SHOWN_AS_PERCENT:
            change = f"x {row.cost_change + 1:,.0f}"
        ratios = usd(row.cost_per_resolved_task_usd, 4), usd(row.cost_per_revenue_dollar, 3)
        return [name, f"{row.calls:,}", usd(row.cost_usd), change, f"{row.resolved_tasks:,}", *ratios]

    tenants, total = week_table(database, week)
    columns = ("tenant", "calls", "cost USD", "change", "resolved tasks", "USD/resolved task", "USD/revenue USD")
    table = [cells(tenant.tenant_name or "", tenant) for tenant in tenants]
    print_table(f"Week {week_name(week)}", columns, [*table, cells("all", total)], right=range(1, len(columns)))


REPORT_EXAMPLES = """\b
Examples:
  inferledger report --week 2026-W46
  inferledger report --week 2026-W46 --audience tenant:acme
"""


@click.command(epilog=REPORT_EXAMPLES)
@home_option
@click.option("--week", type=Week(), required=True, help=WEEK_HELP)
@click.option("--audience", type=AudienceName(), default="company", help=AUDIENCE_HELP)
@json_option
def report(home: Home, week: date, audience: "Audience", as_json: bool) -> None:
    """Write the report of one week again, from the marts as they are published.

    That of a tenant or product holds its rows and no other's. `inferledger run` writes the company's, and those of
    `report_audiences` in inferledger.yml.
    """
    from pipelines.run import write_report

    written = write_report(home, week, audience, "inferledger report")
    if as_json:
        print_json({"path": written.path, "week_start": written.week_start, "kpis": written.kpis})
    else:
        click.echo(f"written    {written.path}")


@click.command(epilog="\b\nExample:\n  inferledger explore --audience tenant:acme")
@home_option
@click.option("--week", type=Week(), help=f"Its last week. {WEEK_HELP} The last complete one when left out.")
@click.option("--audience", type=AudienceName(), default="company", help=AUDIENCE_HELP)
@json_option
def explore(home: Home, week: date | None, audience: "Audience", as_json: bool) -> None:
    """Write the explorer: one page to filter, break down, link to and download from, without a server.

    Its file holds the rows of its audience and no other's, so it can be handed to them. `inferledger run` writes the
    company's.
    """
    from pipelines.run import write_explorer

    written = write_explorer(home, week, audience, "inferledger explore")
    if as_json:
        print_json(written)
    else:
        click.echo(f"written    {written.path}")


@click.command(epilog="\b\nExample:\n  inferledger deliver --week 2026-W46")
@home_option
@click.option("--week", type=Week(), required=True, help=WEEK_HELP)
def deliver(home: Home, week: date) -> None:
    """Send the report of one week, as it was written, to where `delivery` of inferledger.yml says.

    `inferledger run` sends each week's report once; this sends it again.
    """
    from pipelines.delivery import report_notice, send
    from sources.settings import load_settings

    sent = send(load_settings(home).general.delivery, report_notice(home, week))
    for one in sent:
        click.echo(str(one))
    if not sent:
        click.echo("nobody to send to: `delivery` of inferledger.yml names no receiver of reports")
    if any(one.error for one in sent):
        raise click.exceptions.Exit(1)


@click.group()
def export() -> None:
    """Write files other systems take in."""


def _export_command(name: str, kind: Export) -> click.Command:
    """`inferledger export <name>`; with --dialect where there are several forms."""
    about = f"Write {kind.summary}.\n\nBeside the files goes {name}.manifest.json: rows, control totals and SHA-256."

    @click.command(name, help=about, epilog=f"\b\nExample:\n  inferledger export {name} --period 2026-10")
    @home_option
    @click.option("--period", required=True, help="A posting period such as 2026-10.")
    @click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder for the files; the home's reports/<period> when left out.",
    )
    @json_option
    def command(home: Home, period: str, out: Path | None, as_json: bool, dialect: str | None = None) -> None:
        from pipelines.run import write_export

        paths = write_export(home, name, period, dialect, out, "inferledger export")
        if as_json:
            print_json(paths)
        else:
            for path in paths:
                click.echo(f"written    {path}")

    if kind.dialects:
        choice = click.Choice(kind.dialects)
        click.option("--dialect", type=choice, help=f"Form of the files; {kind.dialects[0]} when left out.")(command)
    return command


for _name, _kind in EXPORTS.items():
    export.add_command(_export_command(_name, _kind))


@click.command(epilog="\b\nExample:\n  inferledger compact --home acme")
@home_option
@json_option
def compact(home: Home, as_json: bool) -> None:
    """Merge small files of the lake, which cost more to open than to read. No number changes by it.

    `inferledger run` does it where a hundred have come together in a table and month. Can be killed and typed again.
    """
    from pipelines.run import compact_lake

    done = compact_lake(home, "inferledger compact")
    if as_json:
        print_json(done)
        return
    for table in done:
        if table.files_before:
            click.echo(f"merged     {table.table}: {table.files_before:,} files into {table.files_after:,}")
        print_list("warning", table.problems)
    if not done:
        click.echo("nothing to merge")


@click.command()
@home_option
@json_option
def audit(home: Home, as_json: bool) -> None:
    """Hold the published marts against the acceptance suite, and write Data Docs for auditors.

    Needs some 10 CPU seconds before it starts. Exits with 1 when an expectation fails.
    """
    from assets.audit import run_audit
    from assets.publish import DATABASE

    result = run_audit(home.published / DATABASE, home.reports / "audit")
    if as_json:
        print_json(result)
    else:
        for failed in result.failed:
            click.secho(f"failed     {failed.frame}: {failed.claim}: {failed.result}", fg="red")
        click.echo(f"audited    {count(len(result.findings), 'expectation')}, {len(result.failed)} failed")
        click.echo(f"Next: open {result.docs_index}")
    if not result.success:
        raise click.exceptions.Exit(1)
