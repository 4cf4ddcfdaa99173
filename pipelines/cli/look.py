"""Commands that only read: status, explain, quarantine."""

from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.common import LINES_SHOWN, count, home_option, json_option, print_json, print_list, print_table, usd
from sources.home import Home

if TYPE_CHECKING:
    from datetime import date

    from pipelines.explain import Explanation
    from pipelines.next_run import NextRun
    from pipelines.status import OpenAnomaly, PullStatus, Status, Unpriced

# Enough of a row to see what is wrong with it; prompts in it can be megabytes.
TEXT_SHOWN = 400
# Days that are named one by one; of more, the first and the last.
DAYS_SHOWN = 7
NOTHING_TO_DO = "nothing to do: nothing landed or changed since the last"


@click.command()
@home_option
@json_option
def status(home: Home, as_json: bool) -> None:
    """Show feeds, missing and failed files, what was set aside, is unpriced or unattributed, and posting periods."""
    from pipelines.status import read_status

    found = read_status(home)
    if as_json:
        print_json(found)
    else:
        _print_status(found)


def _next_run_text(run: "NextRun") -> str:
    if run.refused:
        return f"ends at once here: {run.refused}"
    if not run.builds:
        return "publishes what was built" if run.publishes else NOTHING_TO_DO
    reads = f"reads {count(run.landed_files, 'landed file')}, " if run.landed_files else ""
    if run.is_full:
        files = count(run.read_files + run.gone_files, "file")
        new = [f"{files} read, other or gone since the last build"] if run.read_files + run.gone_files else []
        return f"{reads}builds everything: {', '.join([*run.reasons, *new])}"
    days = []
    if run.landed_files:
        days.append("the days of what it reads, known once it is read")
    if run.read_files:
        named = f", {_days_text(run.days)}," if run.days else ""
        days.append(
            f"{count(len(run.days), 'day')}{named} of {count(run.read_files, 'file')} read since the last build"
        )
    if run.gone_files:
        days.append(f"the days of {count(run.gone_files, 'file')} other or gone since")
    if run.reasons:
        names = (f"{name} (bills become final with time)" if name == "day" else name for name in run.reasons)
        days.append(f"the days that changes lead to: {', '.join(names)}")
    what = "; ".join(days) or "what the last build did not end"
    return f"{reads}builds {what}; and what hangs on them: weeks, months, other days of the same calls"


def _days_text(days: "list[date]") -> str:
    if len(days) > DAYS_SHOWN:
        return f"{days[0]} to {days[-1]}"
    *first, last = map(str, days)
    return f"{', '.join(first)} and {last}" if first else last


def _print_status(found: "Status") -> None:
    for pull in found.pulls:
        click.echo(f"pulled     {_pull_text(pull)}")
    if not found.feeds:
        click.echo(f"{found.home}: no file has been taken in yet. Next: inferledger run --home {found.home}")
        return
    table = [
        [
            f"{feed.feed}/{feed.table_name}",
            f"{feed.files:,}",
            f"{feed.rows_kept:,}",
            f"{feed.rows_quarantined:,}",
            f"{feed.failed_files:,}",
            f"{feed.missing_files:,}",
            f"{feed.last_event_at:%Y-%m-%d %H:%M}" if feed.last_event_at else "-",
            f"{feed.age_hours:,.0f} h" if feed.age_hours is not None else "-",
        ]
        for feed in found.feeds
    ]
    columns = ("feed", "files", "rows", "set aside", "failed files", "missing files", "newest event UTC", "age")
    print_table(f"{found.home}", columns, table, right=(1, 2, 3, 4, 5, 7))
    print_list("missing", [f"{row['feed']}/{row['table_name']}/{row['file_name']}" for row in found.missing])
    print_list(
        "failed", [f"{row['feed']}/{row['table_name']}/{row['file_name']}: {row['reason']}" for row in found.failed]
    )
    print_list("expired", _expired_texts(found))
    print_list("retention", [why for why in (found.samples_stay, found.calls_stay) if why])
    if found.week:
        week = found.week
        click.echo(
            f"week       {week.week}: {week.calls:,} calls, {usd(week.cost_usd)} USD, of which "
            f"{usd(week.unattributed_usd)} unattributed; {week.unpriced_calls:,} calls "
            f"({week.unpriced_tokens:,} tokens) without a price"
        )
        print_list("unpriced", [_unpriced_text(row) for row in week.unpriced], "`inferledger prices check` names all")
        click.echo(f"anomalies  {len(week.anomalies)} open since the week began")
        print_list("anomaly", [_anomaly_text(row) for row in week.anomalies])
        print_list("no tenant", [f"{usd(row.cost_usd)} USD of {row.reason}" for row in week.unattributed])
        click.echo(f"report     {week.report or 'not written'}")
    for period in found.periods:
        corrected = f", {usd(period.corrections_usd)} of it corrections" if period.corrections_usd else ""
        estimated = f", {usd(period.estimated_usd)} of it estimated" if period.estimated_usd else ""
        state = f"{period.state} {period.closed_at}" if period.closed_at else period.state
        click.echo(f"period     {period.period}: {usd(period.amount_usd)} USD{estimated}{corrected}; {state}")
    state = "up to date with the last run" if found.is_up_to_date else "older than what has been taken in"
    click.echo(
        f"published  {f'{found.version_id} of {found.published_at}, {state}' if found.version_id else 'nothing yet'}"
    )
    if found.next_run:
        click.echo(f"next run   {_next_run_text(found.next_run)}")
    if found.in_use_by:
        click.echo(f"in use by  {found.in_use_by}")


def _expired_texts(found: "Status") -> list[str]:
    samples, calls = found.expired_samples, found.expired_calls
    gone = [
        *((one, "landed file", "; their rows are in the lake") for one in found.expired),
        *(
            (one, "lake file", f", of samples before {samples.samples_from}; what they say of each hour is kept")
            for one in samples.lake_files
        ),
        *(
            (one, "lake file", f", of calls before {calls.calls_from}; what was made of them is kept")
            for one in calls.lake_files
        ),
    ]
    return [
        f"{one.feed}/{one.table_name}: {count(one.files, kind)}, {one.size_bytes / 1_000_000:,.1f} MB{what}"
        for one, kind, what in gone
    ]


def _anomaly_text(row: "OpenAnomaly") -> str:
    name = "company" if row.scope == "company" else f"{row.scope} {row.scope_id}"
    more = f"; seen {count(row.others, 'time')} more" if row.others else ""
    return f"{name}: {row.root_cause}; {usd(row.impact_usd)} USD above what was to be expected{more}"


def _pull_text(pull: "PullStatus") -> str:
    came = f"{pull.files:,} files" if pull.files is not None else f"up to {pull.up_to}"
    return f"{pull.name}: {came}, last asked {pull.advanced_at:%Y-%m-%d %H:%M} UTC"


def _unpriced_text(row: "Unpriced") -> str:
    reported = "" if row.reported_usd is None else f", {usd(row.reported_usd)} USD by the gateway"
    used = f"({row.tokens:,} tokens{reported})"
    return f"{count(row.calls, 'call')} of {row.service_provider} {row.model} {used}: {row.reason}"


EXPLAIN_EXAMPLES = """\b
Examples:
  inferledger explain cost_per_tenant_weekly week_start=2026-W46,tenant_id=acme
  inferledger explain cost_per_model_weekly week_start=2026-11-09,model=gpt-5-mini
  inferledger explain unit_economics_daily usage_date=2026-11-12,feature_id=search
  inferledger explain chargeback_lines posting_period=2026-10,tenant_id=acme
  inferledger explain journal_lines journal_id=IL-202610-9aa9264d,line_no=2
"""


@click.command(epilog=EXPLAIN_EXAMPLES)
@click.argument("mart")
@click.argument("key")
@home_option
@click.option("--top", default=LINES_SHOWN, show_default=True, type=click.IntRange(1), help="How many of each to show.")
@json_option
def explain(mart: str, key: str, home: Home, top: int, as_json: bool) -> None:
    """Walk a number of MART back to charges, calls, files and rows.

    KEY names the rows of the mart: column=value, more of them with commas between. What is left out is summed over.
    Every step is added up and compared with the number to its last decimal; exits with 1 when a sum differs.
    """
    from pipelines import explain as explaining

    found = explaining.explain(home, mart, key, top)
    if as_json:
        print_json(found)
    else:
        _print_explanation(found, key)
    if found.differences:
        raise click.exceptions.Exit(1)


def _print_explanation(found: "Explanation", key: str) -> None:
    click.secho(f"{found.mart}.{found.column} at {key}", bold=True)
    click.echo(f"  {found.number:f} USD\n")
    _print_rows("It is the sum of these allocations", found.components, ("allocations", "amount_usd"))
    _print_rows(f"of {count(found.charge_count, 'charge')}", found.charges, ("charge_usd", "amount_usd"))
    calls = found.calls
    if calls["calls"]:
        title = f"for {count(calls['calls'], 'call')}, {calls['effective_cost_usd']:f} USD; the dearest"
        _print_rows(title, found.top_calls, ("effective_cost_usd", "row_number"))
    title = f"from {count(found.file_count, 'file')}"
    _print_rows(title, found.files, ("calls", "calls_usd", "charges", "charges_usd"))
    if found.calls_from:
        click.echo(
            f"Calls of days before {found.calls_from} have gone (retention.calls_days): their charges are all there is."
        )
    for difference in found.differences:
        click.secho(f"differs: {difference}", fg="red")
    if not found.differences:
        how = "to the last decimal" if found.allocations_usd == found.number else "but for what was rounded to cents"
        click.secho(f"Sums agree {how}: {found.allocations_usd:f} USD.", fg="green")


def _print_rows(title: str, found: list[dict[str, Any]], right: tuple[str, ...]) -> None:
    """Rows as a table, without the columns that say nothing about any of them."""
    columns = [name for name in (found[0] if found else ()) if any(row.get(name) is not None for row in found)]
    table = [[_cell(row.get(name)) for name in columns] for row in found]
    print_table(title, columns, table, right=[columns.index(name) for name in right if name in columns])


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


@click.group()
def quarantine() -> None:
    """Rows that were set aside, with the reason."""


@quarantine.command(epilog="\b\nExample:\n  inferledger quarantine show --table litellm.spend_logs --text")
@home_option
@click.option("--table", help="Only this feed table, such as litellm.spend_logs.")
@click.option("--file", help="Only this landed file, by its name or its path below landing/.")
@click.option("--text", "with_text", is_flag=True, help="Show the beginning of each row, read from the landed file.")
@json_option
def show(home: Home, table: str | None, file: str | None, with_text: bool, as_json: bool) -> None:
    """List the rows that were set aside and the files that could not be read, with line, field and reason.

    The rows themselves are stored nowhere but in the landed file. Mend it, or have it sent again, and run again.
    """
    from sources.lake import ledger_path
    from sources.meta import show_quarantine

    found = [
        {
            "file": one.row.path,
            "line": one.reject.line_number,
            "field": one.reject.field,
            "reason": one.reject.reason,
            **({"text": one.text[:TEXT_SHOWN] if one.text else None} if with_text else {}),
        }
        for one in (show_quarantine(home.root, table=table, file=file) if ledger_path(home.root).is_file() else ())
    ]
    if as_json:
        print_json(found)
    elif not found:
        click.echo("nothing is set aside")
    else:
        rows = [[_cell(value) for value in row.values()] for row in found]
        print_table(f"{len(found):,} set aside", list(found[0]), rows, right=(1,))
