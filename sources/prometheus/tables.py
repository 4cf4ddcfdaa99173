"""The two scratch tables between taking a file apart and judging its samples."""

import duckdb


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Empty `landed_samples` and `landed_series`. A problem is one text: field, tab, reason (sources.sql_checks)."""
    connection.execute("""
        create or replace temp table landed_samples (
            row_number bigint, byte_offset bigint,
            series varchar, value_text varchar, time_text varchar, problem varchar
        );
        create or replace temp table landed_series (
            series varchar, name varchar, label_names varchar[], label_values varchar[], problem varchar
        )""")


def drop(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("drop table if exists landed_samples; drop table if exists landed_series")
