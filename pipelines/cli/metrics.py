"""The command that asks a metric of the semantic layer."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from pipelines.cli.common import home_option, json_option, print_json, print_table, usd
from sources.home import Home

EXAMPLES = """\b
Examples:
  inferledger metrics                                                    every metric, and what it can be asked by
  inferledger metrics cost_per_resolved_task --by week --home acme
  inferledger metrics cost_usd cost_per_request --by product --by month --from 2026-10-01 --home acme
  inferledger metrics cache_hit_rate --by feature_name --sql --home acme
"""
# Further ones are in --json.
ROWS_SHOWN = 200
RATIO_PLACES = 6


@click.command(epilog=EXAMPLES)
@click.argument("names", nargs=-1, metavar="[METRIC]...")
@click.option("--by", multiple=True, help="tenant, feature, week, ...; repeatable. Without it, of all together.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day; of weeks, their Monday counts.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day.")
@click.option("--sql", "with_sql", is_flag=True, help="Print the SQL in place of its answer.")
@home_option
@json_option
def metrics(
    names: tuple[str, ...],
    by: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    with_sql: bool,
    home: Home,
    as_json: bool,
) -> None:
    """Ask metrics by tenant, feature, week or another group; without METRIC, list them.

    Their definitions are semantic models of the dbt project, held equal to the marts by the tests. Sums are exact;
    ratios are rounded on screen.
    """
    from assets.publish import DATABASE
    from pipelines.metrics import ask, known_metrics, sql_of

    days = first.date() if first else None, last.date() if last else None
    if not names:
        found = known_metrics()
        if as_json:
            print_json(found)
            return
        for by_what in sorted({one.by for one in found}, key=len):
            lines = [[one.name, one.meaning or one.label] for one in found if one.by == by_what]
            print_table(f"By {', '.join(by_what)}", ("metric", "what it is"), lines)
    elif with_sql:
        click.echo(sql_of(names, by, *days))
    else:
        answer = ask(home.published / DATABASE, names, by, *days)
        if as_json:
            print_json([dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
            return
        rows = [[_cell(value) for value in row] for row in answer.rows[:ROWS_SHOWN]]
        print_table(", ".join(names), answer.columns, rows, right=range(len(by), len(answer.columns)))
        if len(answer.rows) > ROWS_SHOWN:
            click.echo(f"and {len(answer.rows) - ROWS_SHOWN:,} more rows; --json lists all")


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if value is None or isinstance(value, Decimal):
        return usd(value)
    if isinstance(value, float):
        return f"{value:,.{RATIO_PLACES}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
