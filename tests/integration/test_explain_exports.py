"""Lines of every export of a month that was really built: each is walked back by what the line itself says."""

import csv
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.exports import write_export
from pipelines.explain import MARTS, explain
from sources.home import Home
from tests.conftest import Company

PERIOD = "2026-10"


@pytest.fixture(scope="module")
def home(company_of: Callable[[int], Company]) -> Home:
    return company_of(7).home


def one_of_each(lines: Iterable[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    """The first line of each combination of values."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in lines:
        found.setdefault(tuple(line[column] for column in columns), line)
    return list(found.values())


def exported(home: Home, export: str, out: Path) -> list[Path]:
    return write_export(export, home.published / "marts.duckdb", out, PERIOD, None)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [row for row in csv.DictReader(file) if row.get("record_type") != "control_total"]


def test_lines_of_chargeback_and_statements_are_explained_by_their_cells(home: Home, tmp_path: Path) -> None:
    chargeback = read(exported(home, "chargeback", tmp_path)[0])
    statements = [path for path in exported(home, "statements", tmp_path / "statements") if path.suffix == ".csv"]
    lines = one_of_each(chargeback, "service_provider", "charge_category", "method", "status")
    assert len(lines) > 5
    for line in [*lines, *(read(path)[0] for path in statements[:2])]:
        key = ",".join(f"{name}={value}" for name, value in line.items() if name in MARTS["chargeback_lines"].keys)
        found = explain(home, "chargeback_lines", key)
        assert (found.number, found.differences) == (Decimal(line["amount_exact_usd"]), []), key


def test_rows_of_focus_are_explained_by_their_id(home: Home, tmp_path: Path) -> None:
    rows = read(next(path for path in exported(home, "focus", tmp_path) if path.name == "CostAndUsage.csv"))
    charges = [row for row in rows if row["x_AllocationId"]]
    # Tax is carried by nobody: a line of the invoice.
    assert {row["ChargeCategory"] for row in rows if row not in charges} <= {"Tax"}
    for row in one_of_each(charges, "ChargeCategory", "x_Status"):
        found = explain(home, "chargeback_lines", f"chargeback_line_id={row['x_AllocationId']}")
        assert (found.number, found.differences) == (Decimal(row["BilledCost"]), [])


def test_lines_of_a_journal_are_explained_by_journal_and_line(home: Home) -> None:
    with duckdb.connect(str(home.published / "marts.duckdb"), read_only=True) as marts:
        lines = marts.execute(
            """
            select any_value(journal_id), any_value(line_no) from journal_lines
            where posting_period = $period and line_type in ('expense', 'fx') group by kind, line_type, cost_nature
            """,
            {"period": PERIOD},
        ).fetchall()
    assert lines
    for journal_id, line_no in lines:
        assert explain(home, "journal_lines", f"journal_id={journal_id},line_no={line_no}").differences == []
