"""Vercel AI Gateway's report: what a day took, to the digit."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.sources.landed import PAYLOADS, LandedHome

FOLDER = "vercel/report"
NAME = "2026-08-10_2026-08-16__retrieved-20260818T060000Z.json"
PAGE = json.loads((PAYLOADS / FOLDER / "team-alder" / NAME).read_text())


def test_a_page_becomes_rows(home: LandedHome) -> None:
    """Two records, and a row of zeros for each of the five days of the file's name that it has no record of."""
    home.land(f"{FOLDER}/team-alder/{NAME}", json.dumps(PAGE))
    home.land(f"{FOLDER}/team-alder/none__retrieved-20260818T060000Z.json", '{"results": []}')
    summary = home.ingest()
    assert (summary.rows_kept, summary.files_failed, summary.warnings) == (7, 0, [])
    first, second, *empty = home.lake(FOLDER).sort("row_number").rows(named=True)
    assert (first["account_id"], first["report_date"]) == ("team-alder", datetime(2026, 8, 10))
    assert (first["total_cost_usd"], first["requests"], first["input_tokens"]) == (Decimal("0.0042"), 1, 1000)
    # A key of one's own: the provider bills.
    assert (second["total_cost_usd"], second["market_cost_usd"]) == (0, Decimal("0.00031"))
    assert second["retrieved_at"] == datetime(2026, 8, 18, 6)
    assert [row["report_date"].day for row in empty] == [12, 13, 14, 15, 16]
    assert {(row["total_cost_usd"], row["requests"], row["model_id"]) for row in empty} == {(0, 0, None)}


@pytest.mark.parametrize(
    ("changes", "field", "reason", "empty_days"),
    [
        ({"total_cost": "much"}, "total_cost", 'found "much"; expected a decimal number', 5),
        ({"total_cost": None}, "total_cost", "missing; expected a decimal number", 5),
        ({"day": "2027-08-10"}, "day", "date in the future: 2027-08-10 00:00:00", 6),
        ({"request_count": 1.5}, "request_count", 'found "1.5"; expected a whole number, not negative', 5),
        ({"model": None}, "model", "missing; expected a value", 5),
    ],
)
def test_a_row_that_does_not_fit_is_named(
    changes: dict[str, Any], field: str, reason: str, empty_days: int, home: LandedHome
) -> None:
    """A day whose record is set aside is no empty day."""
    first, second = PAGE["results"]
    home.land(f"{FOLDER}/team-alder/{NAME}", json.dumps({"results": [first, second | changes]}))
    assert (home.ingest().rows_kept, home.rejects()) == (1 + empty_days, [(2, field, reason)])


def test_a_report_grouped_by_another_thing_or_of_no_account_fails(home: LandedHome) -> None:
    home.land(f"{FOLDER}/{NAME}", json.dumps(PAGE))
    by_tag = [{"tag": "team:search", "total_cost": 1.25}]
    home.land(f"{FOLDER}/team-alder/{NAME}", json.dumps({"results": by_tag}))
    assert home.ingest().files_failed == 2
