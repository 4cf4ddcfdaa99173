"""The command that reads settings and says what they would do."""

from typing import Any

import click

from pipelines.cli.common import home_option, json_option, print_json, print_table, usd
from sources.home import Home

EXAMPLES = """\b
Examples:
  inferledger config check                    name every mistake of every settings file
  inferledger config check --diff             and show what changed rules or maps would move between tenants
"""


@click.group()
def config() -> None:
    """The settings of a home."""


@config.command(epilog=EXAMPLES)
@home_option
@click.option("--diff", is_flag=True, help="Show what each tenant would carry more or less than in the last build.")
@json_option
def check(home: Home, diff: bool, as_json: bool) -> None:
    """Read every settings file and name what is wrong in it; with --diff, show what a change would move.

    --diff allocates the last build's charges again with the rules of allocation.yml and the maps of tenants, features,
    teams and keys as they are now, and changes nothing. Accounts, prices, contracts and GPU rates change the charges
    themselves and are not looked at. A closed period stays as it was posted: its difference is posted as corrections in
    the next one.
    """
    from sources.settings import load_settings

    load_settings(home)
    if not diff:
        if as_json:
            print_json({"home": str(home.root), "problems": []})
        else:
            click.echo(f"{home.config}: every file can be used")
        return
    from pipelines.config_diff import diff_settings

    moves = diff_settings(home)
    if as_json:
        print_json(moves)
    elif not moves:
        click.echo("the settings move nothing")
    else:
        table: list[list[Any]] = [
            [
                move.posting_period,
                "closed, not moved" if move.is_closed else "open",
                move.target_type,
                move.target_id,
                usd(move.now_usd),
                usd(move.then_usd),
                usd(move.moved_usd),
                usd(move.moved_effective_usd),
            ]
            for move in moves
        ]
        columns = ("period", "state", "kind", "who", "now USD", "then USD", "moved USD", "moved effective USD")
        print_table("What the settings would move", columns, table, right=(4, 5, 6, 7))
        if any(move.is_closed for move in moves):
            click.echo("A closed period keeps what it posted; its difference is posted as corrections in the next one.")
