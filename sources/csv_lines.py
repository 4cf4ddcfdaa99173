"""The line of a CSV row, as an editor shows it: the header is line 1, and a cell can hold line breaks."""

import csv
from pathlib import Path

import duckdb
import polars as pl

from sources.lines import TextFile, byte_offsets

LONGEST_CELL = 16_000_000


def set_line_numbers(connection: duckdb.DuckDBPyConnection, path: Path, delimiter: str) -> None:
    """Give rows of `judged` with a problem their `line_number` and `byte_offset`, where rows can be told as by DuckDB.

    A row has as many cells as the header; DuckDB has set the others aside. Only a file with a problem is read again.
    """
    [(rows, problems)] = connection.execute("select count(*), count(problem) from judged").fetchall()
    if not problems:
        return
    csv.field_size_limit(LONGEST_CELL)
    lines = []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        records = csv.reader(text, delimiter=delimiter)
        header = next(records)
        line = records.line_num + 1
        for record in records:
            if len(record) == len(header):
                lines.append(line)
            line = records.line_num + 1
    if len(lines) == rows:
        connection.execute(
            "update judged set line_number = list_extract($1, row_number) where problem is not null", [lines]
        )
        bad = connection.execute("select line_number from judged where problem is not null").fetchall()
        begins = byte_offsets(TextFile(path), {line for (line,) in bad})
        places = pl.DataFrame({"at_line": list(begins), "offset": list(begins.values())})
        connection.register("begins", places.to_arrow())
        connection.execute("update judged set byte_offset = begins.offset from begins where line_number = at_line")
        connection.unregister("begins")
