"""What the commands share: the options they have in common, and how they print."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

from sources.home import HOME_VARIABLE, Home

Command = TypeVar("Command", bound=Callable[..., Any])
# Lines cut at the 80 columns Rich assumes for a pipe would be of no use to grep.
PIPE_WIDTH = 240
# Longer lists go to --json; the screen shows the beginning and says how many there are.
LINES_SHOWN = 10


def home_option(command: Command) -> Command:
    """--home, else INFERLEDGER_HOME; the command gets a Home that exists."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path),
        callback=lambda context, parameter, value: Home.find(value),
        help=f"The company's directory; {HOME_VARIABLE} when left out.",
    )(command)


def json_option(command: Command) -> Command:
    """--json: the same facts for machines."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")(command)


def print_json(value: Any) -> None:
    """Money is text with all its digits, as a JSON number would be read into a float."""
    click.echo(json.dumps(value, default=_plain, indent=2))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table with a title; the columns whose indexes are in `right` hold numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    is_terminal = sys.stdout.isatty()
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD if is_terminal else None)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        # Names come from files of others: no markup in them is followed.
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if is_terminal else PIPE_WIDTH, highlight=False).print(table)


def print_list(name: str, lines: Sequence[str], where_all: str = "--json lists all") -> None:
    """Things to look at, each on a line of its own."""
    for line in lines[:LINES_SHOWN]:
        click.secho(f"{name:<10} {line}", fg="yellow")
    if len(lines) > LINES_SHOWN:
        click.echo(f"{'':<10} and {len(lines) - LINES_SHOWN} more; {where_all}")


def usd(value: Decimal | float | None, places: int = 2) -> str:
    """Rounded for reading only; an unknown amount is a dash, never 0."""
    return "-" if value is None else f"{value:,.{places}f}"


def count(number: int, thing: str) -> str:
    """1 file, 2 files."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
