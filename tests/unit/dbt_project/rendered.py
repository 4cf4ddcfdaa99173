"""A model's SQL as dbt compiles it for DuckDB, without dbt: to run it on literal rows within milliseconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import polars as pl

PROJECT = Path(__file__).parents[3] / "dbt_project"
_ENVIRONMENT = jinja2.Environment(extensions=["jinja2.ext.do"])


def _dispatch(name: str, _package: str) -> Any:
    return getattr(_MACROS, f"duckdb__{name}")


# What dbt makes of its own macros for DuckDB.
_DBT = SimpleNamespace(
    datediff=lambda first, second, part: f"date_diff('{part}', {first}, {second})",
    dateadd=lambda part, count, start: f"date_add({start}, ({count}) * interval 1 {part})",
    generate_series=lambda most: f"select unnest(generate_series(1, {most})) as generated_number",
    type_string=lambda: "varchar",
)
# A full run, which touches everything.
_TOUCHED = {
    name: lambda *arguments: "true"
    for name in (
        *("is_touched", "is_touched_week", "is_since_touched_week", "is_touched_month"),
        *("is_touched_task", "is_week_of_touched_tasks"),
    )
} | {
    "comes_after": lambda model: None,
    "row_hash": lambda values: f"hash({values})",
    "whole_row_hash": lambda table: f"hash({table})",
}
_KNOWN: dict[str, Any] = {
    "adapter": SimpleNamespace(dispatch=_dispatch), "return": lambda value: value, "dbt": _DBT
} | _TOUCHED  # fmt: skip
_OWN = sorted(
    str(path.relative_to(PROJECT / "macros"))
    for folder in ("gpu", "self_hosting")
    for path in (PROJECT / "macros" / folder).glob("*.sql")
)
_TEXT = "\n".join(
    (PROJECT / "macros" / name).read_text(encoding="utf-8")
    for name in (
        *("divide_exact.sql", "rows_that_repeat.sql", "usd_from_millionths.sql", "usd_of_tokens.sql"),
        *("marts/main_driver.sql", "marts/is_model_named.sql", "usage/calls_priced.sql", "usage/shorter_prompt.sql"),
        "usage/answers_in_text.sql",
        *_OWN,
    )
)
_MACROS: Any = _ENVIRONMENT.from_string(_TEXT).make_module(_KNOWN | {"raw": lambda _feed, table: table})


def macro(name: str, *arguments: str | Sequence[str]) -> str:
    """The SQL of a macro of the project."""
    return str(getattr(_MACROS, name)(*arguments))


def sql_of(model: str) -> str:
    """The SQL of a model; what it reads, of the lake or of other models, are tables of the same name."""
    (path,) = PROJECT.glob(f"models/**/{model}.sql")
    names = {name: getattr(_MACROS, name) for name in dir(_MACROS) if not name.startswith("_")}
    known = _KNOWN | names | {"ref": lambda name: name, "raw": lambda _feed, table: table}
    return _ENVIRONMENT.from_string(path.read_text(encoding="utf-8")).render(known)


def built(tables: Mapping[str, pl.DataFrame], *models: str) -> duckdb.DuckDBPyConnection:
    """A database with the tables and the models built on them, in the order they are named."""
    connection = duckdb.connect()
    for name, frame in tables.items():
        connection.register(f"given_{name}", frame.to_arrow())
        connection.execute(f"create table {name} as select * from given_{name}")
    for model in models:
        connection.execute(f"create table {model} as {sql_of(model)}")
    return connection
