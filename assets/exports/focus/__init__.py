"""The ledger of a month as FOCUS, the FinOps Foundation's format of bills: the four datasets of 1.4, or the one of 1.2.

Each part of a charge in the ledger is a row of Cost and Usage, so a row says who carries it; the parts of a charge add
up to it in money, quantity and ratio. The SQL beside this file says how the marts become the columns. The 1.5 draft
names model and token class in SkuPriceDetails; in 1.2 and 1.4 the same keys carry the x_ of custom keys.

columns.csv holds the columns of the FOCUS data model, (c) FinOps Foundation, CC BY 4.0: those of 1.4 as its workbook of
2026-07-18 lists them, and those of 1.2.
"""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from assets.exports import ExportError
from assets.exports.files import File, write_files
from assets.exports.safe_csv import to_csv
from assets.marts import open_marts, rows
from sources.reading import PARQUET, literal, one

_HERE = Path(__file__).parent
_SQL = {
    "CostAndUsage": "cost_and_usage.sql",
    "InvoiceDetail": "invoice_detail.sql",
    "BillingPeriod": "billing_period.sql",
    "ContractCommitment": "contract_commitment.sql",
}
_TYPES = {"String": "varchar", "JSON": "varchar", "Decimal": "decimal(38, 12)", "Date/Time": "timestamp"}
_COSTS = ("BilledCost", "EffectiveCost")
_ROWS_AT_ONCE = 10_000
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_MACROS = """
create temp macro pico(amount) as
    cast(cast(amount as decimal(24, 12)) * cast(1000000000000 as decimal(13, 0)) as hugeint);
create temp macro from_pico(number) as
    cast(cast(number as decimal(25, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12));
"""


class Column(NamedTuple):
    """A column of the FOCUS data model."""

    focus_version: str
    dataset: str
    name: str
    data_type: str
    allows_nulls: bool
    value_format: str
    allowed_values: frozenset[str]


def columns(focus_version: str) -> dict[str, list[Column]]:
    """The columns of each dataset, in the order of the files."""
    found: dict[str, list[Column]] = {}
    for row in _data("columns.csv"):
        if row["focus_version"] == focus_version:
            allowed = frozenset(row["allowed_values"].split("|")) - {""}
            names = row["focus_version"], row["dataset"], row["column"], row["data_type"]
            column = Column(*names, row["allows_nulls"] == "yes", row["value_format"], allowed)
            found.setdefault(column.dataset, []).append(column)
    return found


def write(
    marts: Path, out_dir: Path, period: str, dialect: str, data_version: str | None = None, is_closing: bool = False
) -> list[Path]:
    """Write the datasets of one posting period as CSV and Parquet, with their manifest.

    DuckDB makes them and holds them, within its memory; Python sees some rows at a time.
    """
    datasets = columns("1.2" if dialect == "1.2" else "1.4")
    with open_marts(marts) as connection:
        _make(connection, marts, period, dialect, is_closing, datasets)
        facts = {
            "focus_version": dialect,
            "period": period,
            "data_version": data_version,
            **_control(connection),
        }
        return write_files(out_dir, "focus", _files(connection, datasets), facts)


def _make(
    connection: duckdb.DuckDBPyConnection,
    marts: Path,
    period: str,
    dialect: str,
    is_closing: bool,
    datasets: dict[str, list[Column]],
) -> None:
    """Each dataset of the month as a table of its name, held against the model."""
    parameters: dict[str, Any] = {"period": period, "dialect": dialect, "is_closing": is_closing}
    parameters["prefix"] = "" if dialect == "1.5-draft" else "x_"
    months = [
        row["posting_period"]
        for row in rows(connection, "select distinct posting_period from fct_allocations order by 1")
    ]
    if period not in months:
        raise ExportError(f"{marts}: nothing posted in {period}; available: {', '.join(months) or 'none'}")
    connection.execute(_MACROS)
    _add_table(connection, "focus_meters", _data("meters.csv"), ("per_unit", "block"))
    _add_table(connection, "focus_models", _models(connection))
    for dataset, model in datasets.items():
        _make_typed(connection, (_HERE / _SQL[dataset]).read_text(), parameters, model)
        if found := _problems(connection, model):
            raise ExportError(f"{marts}: {period} is no FOCUS {dialect}: {found[0]}")


def _make_typed(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any], model: list[Column]
) -> None:
    """The result with exactly the model's columns, and our own x_ after them. What the marts do not say is empty."""
    wanted = {name: value for name, value in parameters.items() if f"${name}" in sql}
    found = [row[0] for row in connection.execute(f"describe {sql}", wanted).fetchall()]
    selected = [
        f"cast({column.name if column.name in found else 'null'} as {_TYPES[column.data_type]}) as {column.name}"
        for column in model
    ]
    own = [name for name in found if name.startswith("x_")]
    made = f"create temp table {model[0].dataset} as select {', '.join(selected + own)} from ({sql})"
    connection.execute(made, wanted)


def _problems(connection: duckdb.DuckDBPyConnection, model: list[Column]) -> list[str]:
    """Where a table is not what the model says: nulls, and values outside a closed list."""
    found = []
    for column in model:
        place = f"{column.dataset}.{column.name}"
        missing = one(connection, f"select count(*) - count({column.name}) from {column.dataset}")
        if missing and not column.allows_nulls:
            found.append(f"{place}: {missing} rows without a value, which it needs")
        if column.allowed_values:
            values = connection.execute(f"select distinct {column.name} from {column.dataset}").fetchall()
            if unknown := {value for (value,) in values if value is not None} - column.allowed_values:
                found.append(
                    f"{place}: found {', '.join(sorted(unknown))}, allowed are"
                    f" {', '.join(sorted(column.allowed_values))}"
                )
    return found


def _files(connection: duckdb.DuckDBPyConnection, datasets: dict[str, list[Column]]) -> Iterator[tuple[str, File]]:
    for dataset in datasets:
        count = one(connection, f"select count(*) from {dataset}")
        yield f"{dataset}.csv", File(partial(_write_csv, connection, dataset), count)
        yield f"{dataset}.parquet", File(partial(_write_parquet, connection, dataset), count)


def _models(connection: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    """Who made each model, its family and version, as far as its name tells."""
    known = [(re.compile(row["pattern"]), row) for row in _data("models.csv")]
    found = []
    for row in rows(connection, "select distinct model from dim_models where model is not null order by 1"):
        name = row["model"].lower().rsplit("/", 1)[-1].rsplit("anthropic.", 1)[-1]
        for pattern, names in known:
            if match := pattern.match(name):
                parts = match.groupdict()
                family = f"{names['family']} {(parts.get('family') or '').capitalize()}".strip()
                version = (parts.get("version") or "").replace("-", ".")
                found.append(
                    {"model": row["model"], "developer": names["developer"], "family": family, "version": version}
                )
                break
    return found


def _add_table(
    connection: duckdb.DuckDBPyConnection, name: str, records: list[dict[str, str]], numbers: tuple[str, ...] = ()
) -> None:
    header = list(records[0]) if records else ["model", "developer", "family", "version"]
    kinds = ", ".join(f"{column} {'bigint' if column in numbers else 'varchar'}" for column in header)
    connection.execute(f"create temp table {name} ({kinds})")
    if records:
        values = [[record[column] or None for column in header] for record in records]
        connection.executemany(f"insert into {name} values ({', '.join('?' * len(header))})", values)


def _data(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write_csv(connection: duckdb.DuckDBPyConnection, dataset: str, path: Path) -> None:
    """Without a byte order mark: to readers of FOCUS it is part of the first column's name."""
    moments = {name: f"strftime({name}, '{_MOMENT}') as {name}" for name in _moments(connection, dataset)}
    told = connection.execute(f"select * replace ({', '.join(moments.values())}) from {dataset}")
    with path.open("wb") as file:
        file.write(to_csv([column[0] for column in told.description or []], (), byte_order_mark=False))
        while part := told.fetchmany(_ROWS_AT_ONCE):
            file.write(to_csv(None, ([_short(cell) for cell in row] for row in part), byte_order_mark=False))


def _short(cell: Any) -> Any:
    return cell.normalize() if isinstance(cell, Decimal) else cell


def _write_parquet(connection: duckdb.DuckDBPyConnection, dataset: str, path: Path) -> None:
    """Moments with their zone, UTC. Any column may lack values, if it does this month or not: readers join months."""
    moments = [f"{name} at time zone 'UTC' as {name}" for name in _moments(connection, dataset)]
    query = f"select * replace ({', '.join(moments)}) from {dataset}"
    # DuckDB marks a column as never null where statistics tell that it happens to have no null.
    connection.execute("set disabled_optimizers = 'statistics_propagation'")
    connection.execute(f"copy ({query}) to {literal(path)} {PARQUET}")
    connection.execute("reset disabled_optimizers")


def _moments(connection: duckdb.DuckDBPyConnection, dataset: str) -> list[str]:
    kinds = connection.execute(f"describe {dataset}").fetchall()
    return [name for name, kind, *_ in kinds if kind == "TIMESTAMP"]


def _control(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the rows must add up to: all of them, and each invoice, its tax apart."""
    sums = ", ".join(["count(*) as rows", *(f"coalesce(sum({name}), 0) as {name}" for name in _COSTS)])
    (whole,) = rows(connection, f"select {sums} from CostAndUsage")
    invoice = "InvoiceIssuerName, BillingAccountId, InvoiceId, ChargeCategory = 'Tax' as is_tax"
    parts = f"select {invoice}, {sums} from CostAndUsage group by all order by 1, 2, 3 nulls first, 4"
    return {**_told(whole), "invoices": [_told(part) for part in rows(connection, parts)]}


def _told(sums: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{cell:f}" if isinstance(cell, Decimal) else cell for name, cell in sums.items()}
