"""Reading LiteLLM spend logs: NDJSON to lake Parquet, fast when all is well, line by line when something is not.

One COPY in DuckDB keeps the good rows and counts the others; only those are then looked up line by line and named, with
the same SQL (projection.py). Lines that are not JSON stop DuckDB, so they are found and blanked out first.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import duckdb
import polars as pl

from sources.feed import LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.lines import TextFile, is_gzip, plain_file, scratch
from sources.litellm import projection
from sources.quarantine import Reject
from sources.reading import copy_good_rows, finish, literal, one
from sources.user_keys import set_hash_key

# Unknown fields are looked for in the first rows only: an exporter adds a field to all rows, and to look at all of them
# costs nearly two scans of the file.
FIELD_SAMPLE_ROWS = 1000

# What stops DuckDB from reading a file of lines; the second costs four times the first and is rarely the reason.
_BROKEN = (
    "when strlen(text) > 16000000 then 'longer than 16 MB' "
    "when not json_valid(text) then 'not valid JSON' "
    "when ltrim(text)[1] <> '{' then 'expected a JSON object'"
)
_TWICE = "when len(json_keys(text)) <> len(list_distinct(json_keys(text))) then 'a key stands twice'"


def read_spend_logs(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    connection = context.connection
    connection.execute("set timezone = 'UTC'")
    set_hash_key(connection, context.hash_key)
    projection.set_variables(connection, file.identity, (context.now + timedelta(days=1)).replace(tzinfo=None))
    rejects = _copy(connection, file.path, context.work_dir, out_parquet)
    unknown = _unknown_fields(file.path)
    return finish(connection, out_parquet, out_rejects, rejects, time_column="started_at", unknown_fields=unknown)


def _copy(connection: duckdb.DuckDBPyConnection, path: Path, work_dir: Path, out_parquet: Path) -> list[Reject]:
    """Good rows to Parquet, the others as rejects."""
    text = TextFile(path)
    try:
        with plain_file(text, work_dir) as plain:
            bad = _copy_good_rows(connection, plain, out_parquet) if plain else 0
        if not text.notes:
            return (
                _name_problems(connection, text, work_dir, _missing_rows(connection, out_parquet, bad)) if bad else []
            )
    except duckdb.InvalidInputException:
        pass  # a line that is not JSON or not UTF-8; found below
    return _copy_without_broken_lines(connection, path, work_dir, out_parquet)


def _copy_good_rows(connection: duckdb.DuckDBPyConnection, path: Path, out_parquet: Path) -> int:
    rows = f"{projection.rows_sql(_json_lines(path))} select {projection.LAKE_SELECT} from rows"
    return copy_good_rows(connection, rows, projection.PROBLEM, out_parquet)


def _json_lines(path: Path) -> str:
    return f"""
        select row_number() over () as row_number, *
        from read_json(
            {literal(path)}, format = 'newline_delimited', compression = 'none', columns = {projection.LOG_COLUMNS}
        )"""


def _missing_rows(connection: duckdb.DuckDBPyConnection, out_parquet: Path, bad: int) -> set[int]:
    """The row numbers that did not get into the Parquet."""
    lake = f"(select row_number from read_parquet({literal(out_parquet)}))"
    total = int(one(connection, f"select count(*) from {lake}")) + bad
    rows = connection.execute(f"select range from range(1, {total + 1}) anti join {lake} on range = row_number")
    return {number for (number,) in rows.fetchall()}


def _copy_without_broken_lines(
    connection: duckdb.DuckDBPyConnection, path: Path, work_dir: Path, out_parquet: Path
) -> list[Reject]:
    """The same from a copy of the file in which `{}` stands for every broken line, so rows keep their number."""
    for check in (_BROKEN, f"{_BROKEN} {_TWICE}"):
        text = TextFile(path)
        broken: dict[int, Reject] = {}
        with scratch(work_dir, _readable_lines(connection, text, check, broken)) as plain:
            try:
                bad = _copy_good_rows(connection, plain, out_parquet)
            except duckdb.InvalidInputException:
                continue
        rows = _missing_rows(connection, out_parquet, bad) - broken.keys()
        notes = [Reject(None, None, "file", note) for note in text.notes]
        return [*notes, *broken.values(), *(_name_problems(connection, TextFile(path), work_dir, rows) if rows else [])]
    # DuckDB's own message would quote the line.
    raise UnreadableFileError("cannot be read as JSON lines, though every line is a JSON object", "file")


def _readable_lines(
    connection: duckdb.DuckDBPyConnection, text: TextFile, check: str, broken: dict[int, Reject]
) -> Iterator[bytes]:
    for batch in text.batches():
        if batch["row_number"][:1].to_list() == [1] and (batch["text"][0] or "").lstrip().startswith("["):
            raise UnreadableFileError("file is one JSON array; expected one JSON object a line", "file", 1)
        connection.register("landed_lines", batch.to_arrow())
        rows = connection.execute(f"""
            select row_number, line_number, byte_offset, coalesce(problem, case {check} end) as reason
            from landed_lines where reason is not null""").fetchall()
        connection.unregister("landed_lines")
        broken |= {row: Reject(line, offset, "line", reason) for row, line, offset, reason in rows}
        lines = batch["text"].to_list()
        for row, *_ in rows:
            lines[row - batch["row_number"][0]] = "{}"
        yield ("\n".join(lines) + "\n").encode()


def _name_problems(
    connection: duckdb.DuckDBPyConnection, text: TextFile, work_dir: Path, rows: set[int]
) -> list[Reject]:
    """What is wrong with these rows, each of which is a JSON object."""
    found = pl.concat(batch.filter(pl.col("row_number").is_in(rows)) for batch in text.batches())
    with scratch(work_dir, (f"{line}\n".encode() for line in found["text"])) as plain:
        problems = connection.execute(f"""
            {projection.rows_sql(_json_lines(plain))}
            select {projection.PROBLEM} from rows order by row_number""").fetchall()
    places = found.select("line_number", "byte_offset").rows()
    return [
        Reject(line, offset, *problem.split("\t", 1))
        for (line, offset), (problem,) in zip(places, problems, strict=True)
    ]


def _unknown_fields(path: Path) -> dict[str, int]:
    """Fields nobody here knows, with the number of sampled rows that have them."""
    counts: Counter[str] = Counter()
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as lines:
            for line in islice(lines, FIELD_SAMPLE_ROWS):
                counts.update(unknown_in_row(line))
    except (EOFError, gzip.BadGzipFile):
        pass  # a damaged file has been reported by the pass that read its rows
    return dict(sorted(counts.items()))


def unknown_in_row(line: bytes) -> list[str]:
    try:
        row = json.loads(line)
        metadata = row.get("metadata") or {}
        usage = (json.loads(metadata) if isinstance(metadata, str) else metadata).get("usage_object") or {}
        groups = {
            "": row,
            "metadata.usage_object.": usage,
            "metadata.usage_object.prompt_tokens_details.": usage.get("prompt_tokens_details") or {},
            "metadata.usage_object.completion_tokens_details.": usage.get("completion_tokens_details") or {},
        }
        return [
            prefix + name for prefix, known in projection.KNOWN_FIELDS.items() for name in groups[prefix].keys() - known
        ]
    except (ValueError, AttributeError):
        return []  # not an object somewhere: the pass over the rows names it
