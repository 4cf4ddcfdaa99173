"""Opening the published marts: read-only, one open file per version. What the marts must hold is assets.contracts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from sources.memory import connect

UNATTRIBUTED = "unattributed"


class MartsError(Exception):
    """The published marts are not there or lack a table."""


@contextmanager
def open_marts(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to one version of marts.duckdb, closed at the end."""
    if not path.is_file():
        raise MartsError(f"{path}: no published marts; `inferledger run` builds and publishes them")
    # DuckDB keeps one open database per path and process: through the symlink, a reader that is still open would hand
    # the old version to everyone who comes after the swap.
    connection = connect(path.resolve(), read_only=True)
    try:
        yield connection
    finally:
        connection.close()


def rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The result as dicts: money as Decimal, counts as int, days as date."""
    result = connection.execute(sql, parameters or {})
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
