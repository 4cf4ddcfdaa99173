"""What differs between marts that DuckDB built and the same from elsewhere: types, rows both ways, doubles to 1e-9."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from sources.reading import literal

RELATIVE, BESIDE_ZERO = "1e-9", "1e-12"
# How a connection comes to another engine's table of a name; None where it has none.
Others = Callable[[duckdb.DuckDBPyConnection, str], str | None]


def parquet_of(folder: Path) -> Others:
    """A folder of Parquet for each table."""

    def other(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
        is_whole = (folder / name / "_SUCCESS").is_file()
        return f"read_parquet({literal(folder / name / '*.parquet')})" if is_whole else None

    return other


def tables_of(database: Path) -> Others:
    """Tables and views of a DuckDB file."""

    def other(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
        connection.execute(f"attach if not exists {literal(database)} as other (read_only)")
        found = connection.execute(
            "select 1 from information_schema.tables where table_catalog = 'other' and table_name = $name",
            {"name": name},
        ).fetchall()
        return f"other.main.{name}" if found else None

    return other


def differences(build: Path, others: Others) -> list[str]:
    """Of every table and view of `build`, which is DuckDB's; one line for each that is not equal."""
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(build)} as build (read_only); use build")
        names = connection.execute(
            "select table_name from information_schema.tables where table_catalog = 'build' order by 1"
        ).fetchall()
        assert len(names) > 1
        return [
            f"{name}: {line}"
            for (name,) in names
            for line in differences_of(connection, f"build.main.{name}", others(connection, name))
        ]


def differences_of(connection: duckdb.DuckDBPyConnection, one: str, other: str | None) -> Iterator[str]:
    """Of one relation from another, that of DuckDB first."""
    if other is None:
        yield "is not there"
        return
    columns, of_other = _columns(connection, one), _columns(connection, other)
    # The order is that of the contract, of a view on DuckDB that of its model.
    if sorted(columns) != sorted(of_other):
        yield f"other columns: {sorted(set(columns) ^ set(of_other))}"
        return
    exact = ", ".join(name for name, kind in columns if kind != "DOUBLE")
    doubles = [name for name, kind in columns if kind == "DOUBLE"]
    for these, those, whose in ((one, other, "DuckDB"), (other, one, "Spark")):
        result = connection.execute(f"select {exact} from {these} except all select {exact} from {those}")
        if rows := result.fetchall():
            yield f"{len(rows)} rows are {whose}'s alone, such as {dict(zip(exact.split(', '), rows[0], strict=True))}"
    are_apart = " or ".join(
        f"(one.{name} is null) <> (other.{name} is null) or abs(one.{name} - other.{name}) > "
        f"greatest({BESIDE_ZERO}, {RELATIVE} * abs(one.{name}))"
        for name in doubles
    )
    if doubles:
        numbered = f"select *, row_number() over (order by {', '.join([exact, *doubles])}) as its_row from"
        for one_row, other_row in connection.execute(
            f"""
            select one, other from ({numbered} {one}) as one join ({numbered} {other}) as other using (its_row)
            where {are_apart} limit 1
            """
        ).fetchall():
            apart = {name: (one_row[name], other_row[name]) for name in doubles if one_row[name] != other_row[name]}
            yield f"doubles {apart} of {one_row}"


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in connection.execute(f"describe select * from {relation}").fetchall()]
