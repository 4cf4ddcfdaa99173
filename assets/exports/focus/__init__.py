"""The ledger of a month as FOCUS, the FinOps Foundation's format of bills: the four datasets of 1.4, or the one of 1.2.

Each part of a charge in the ledger is a row of Cost and Usage, so a row says who carries it; the parts of a charge add
up to it in money, quantity and ratio. The SQL beside this file says how the marts become the columns. The 1.5 draft
names model and token class in SkuPriceDetails; in 1.2 and 1.4 the same keys carry the x_ of custom keys.

columns.csv holds the columns of the FOCUS data model, (c) FinOps Foundation, CC BY 4.0: those of 1.4 as its workbook of
2026-07-18 lists them, and those of 1.2.
"""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl

from assets.exports import ExportError
from assets.exports.files import File, write_files
from assets.exports.safe_csv import BYTE_ORDER_MARK, to_csv
from assets.marts import open_marts, rows

_HERE = Path(__file__).parent
_SQL = {
    "CostAndUsage": "cost_and_usage.sql",
    "InvoiceDetail": "invoice_detail.sql",
    "BillingPeriod": "billing_period.sql",
    "ContractCommitment": "contract_commitment.sql",
}
_TYPES = {"String": "varchar", "JSON": "varchar", "Decimal": "decimal(38, 12)", "Date/Time": "timestamp"}
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
    """Write the datasets of one posting period as CSV and Parquet, with their manifest."""
    tables = read(marts, period, dialect, is_closing)
    files = {}
    for dataset, table in tables.items():
        files[f"{dataset}.csv"] = File(_csv(table), table.height)
        files[f"{dataset}.parquet"] = File(_parquet(table), table.height)
    facts = {
        "focus_version": dialect,
        "period": period,
        "data_version": data_version,
        **_control(tables["CostAndUsage"]),
    }
    return write_files(out_dir, "focus", files, facts)


def read(marts: Path, period: str, dialect: str, is_closing: bool) -> dict[str, pl.DataFrame]:
    """The datasets of a month, held against the model."""
    parameters: dict[str, Any] = {"period": period, "dialect": dialect, "is_closing": is_closing}
    parameters["prefix"] = "" if dialect == "1.5-draft" else "x_"
    with open_marts(marts) as connection:
        months = [
            row["posting_period"]
            for row in rows(connection, "select distinct posting_period from fct_allocations order by 1")
        ]
        if period not in months:
            raise ExportError(f"{marts}: nothing posted in {period}; available: {', '.join(months) or 'none'}")
        connection.execute(_MACROS)
        _add_table(connection, "focus_meters", _data("meters.csv"), ("per_unit", "block"))
        _add_table(connection, "focus_models", _models(connection))
        tables = {}
        for dataset, model in columns("1.2" if dialect == "1.2" else "1.4").items():
            sql = (_HERE / _SQL[dataset]).read_text()
            tables[dataset] = _typed(connection, sql, parameters, model)
            if found := problems(tables[dataset], model):
                raise ExportError(f"{marts}: {period} is no FOCUS {dialect}: {found[0]}")
    return tables


def problems(table: pl.DataFrame, model: list[Column]) -> list[str]:
    """Where a table is not what the model says: columns and their order, nulls, values outside a closed list."""
    names = [column.name for column in model]
    found = []
    if [name for name in table.columns if not name.startswith("x_")] != names:
        found.append(f"{model[0].dataset}: columns {table.columns}, allowed are {names}")
    for column in model:
        values = table[column.name]
        if values.null_count() and not column.allows_nulls:
            found.append(f"{column.dataset}.{column.name}: {values.null_count()} rows without a value, which it needs")
        if column.allowed_values and (unknown := set(values.drop_nulls().unique()) - column.allowed_values):
            found.append(
                f"{column.dataset}.{column.name}: found {', '.join(sorted(unknown))},"
                f" allowed are {', '.join(sorted(column.allowed_values))}"
            )
    return found


def _typed(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any], model: list[Column]
) -> pl.DataFrame:
    """The result with exactly the model's columns, and our own x_ after them. What the marts do not say is empty."""
    wanted = {name: value for name, value in parameters.items() if f"${name}" in sql}
    found = [row[0] for row in connection.execute(f"describe {sql}", wanted).fetchall()]
    selected = [
        f"cast({column.name if column.name in found else 'null'} as {_TYPES[column.data_type]}) as {column.name}"
        for column in model
    ]
    own = [name for name in found if name.startswith("x_")]
    table: pl.DataFrame = connection.sql(f"select {', '.join(selected + own)} from ({sql})", params=wanted).pl()
    return table.with_columns(pl.col(pl.Datetime).dt.replace_time_zone("UTC"))


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


def _csv(table: pl.DataFrame) -> bytes:
    """Without a byte order mark: to readers of FOCUS it is part of the first column's name."""
    moments = [name for name, kind in table.schema.items() if isinstance(kind, pl.Datetime)]
    told = table.with_columns(pl.col(moments).dt.strftime(_MOMENT))
    # A part at a time: text in the making takes four times what it takes in the file.
    parts = [to_csv(table.columns, ())]
    parts += [_rows(part) for part in told.iter_slices(_ROWS_AT_ONCE)]
    return b"".join(parts).removeprefix(BYTE_ORDER_MARK.encode())


def _rows(table: pl.DataFrame) -> bytes:
    lines = to_csv((), ([_short(cell) for cell in row] for row in table.iter_rows()))
    return lines.removeprefix(f"{BYTE_ORDER_MARK}\r\n".encode())


def _short(cell: Any) -> Any:
    return cell.normalize() if isinstance(cell, Decimal) else cell


def _parquet(table: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    table.write_parquet(out)
    return out.getvalue()


def _control(charges: pl.DataFrame) -> dict[str, Any]:
    """What the rows must add up to: all of them, and each invoice, its tax apart."""
    invoice = ["InvoiceIssuerName", "BillingAccountId", "InvoiceId", "is_tax"]
    totals = (
        charges.with_columns(is_tax=pl.col("ChargeCategory") == "Tax")
        .group_by(invoice)
        .agg(pl.len().alias("rows"), pl.col("BilledCost", "EffectiveCost").sum())
        .sort(invoice)
    )
    return {
        "rows": charges.height,
        "BilledCost": f"{charges['BilledCost'].sum():f}",
        "EffectiveCost": f"{charges['EffectiveCost'].sum():f}",
        "invoices": [
            {name: f"{cell:f}" if isinstance(cell, Decimal) else cell for name, cell in total.items()}
            for total in totals.to_dicts()
        ],
    }
