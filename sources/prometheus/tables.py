"""The two scratch tables between taking a file apart and judging its samples."""

import duckdb


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty `landed_samples` and `landed_series`. A problem is one text: field, tab, reason (sources.sql_checks).

    A sample has texts, or `value` and `moment` where whoever took the file apart typed them already.
    """
    drop(connection)
    connection.execute("""
        create or replace temp table landed_samples (
            row_number bigint, byte_offset bigint,
            series ubigint, value_text varchar, time_text varchar, problem varchar,
            value double, moment double
        );
        create or replace temp table landed_series (
            series ubigint, name varchar, label_names varchar[], label_values varchar[], problem varchar
        )""")


def drop(connection: duckdb.DuckDBPyConnection) -> None:
    kinds = dict(connection.execute("select table_name, table_type from information_schema.tables").fetchall())
    is_view = kinds.get("landed_samples") == "VIEW"
    connection.execute(f"""
        drop {"view" if is_view else "table"} if exists landed_samples; drop table if exists landed_series;
        drop table if exists results""")
    connection.unregister("numbers_read")
