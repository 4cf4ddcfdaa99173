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
    home.land(f"{FOLDER}/team-alder/{NAME}", json.dumps(PAGE))
    home.land(f"{FOLDER}/team-alder/none__retrieved-20260818T060000Z.json", '{"results": []}')
    summary = home.ingest()
    assert (summary.rows_kept, summary.files_failed, summary.warnings) == (2, 0, [])
    first, second = home.lake(FOLDER).rows(named=True)
    assert (first["account_id"], first["report_date"]) == ("team-alder", datetime(2026, 8, 10))
    assert (first["total_cost_usd"], first["requests"], first["input_tokens"]) == (Decimal("0.0042"), 1, 1000)
    # A key of one's own: the provider bills.
    assert (second["total_cost_usd"], second["market_cost_usd"]) == (0, Decimal("0.00031"))
    assert second["retrieved_at"] == datetime(2026, 8, 18, 6)


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"total_cost": "much"}, "total_cost", 'found "much"; expected a decimal number'),
        ({"total_cost": None}, "total_cost", "missing; expected a decimal number"),
        ({"day": "2027-08-10"}, "day", "date in the future: 2027-08-10 00:00:00"),
        ({"request_count": 1.5}, "request_count", 'found "1.5"; expected a whole number, not negative'),
        ({"model": None}, "model", "missing; expected a value"),
    ],
)
def test_a_row_that_does_not_fit_is_named(changes: dict[str, Any], field: str, reason: str, home: LandedHome) -> None:
    first, second = PAGE["results"]
    home.land(f"{FOLDER}/team-alder/{NAME}", json.dumps({"results": [first, second | changes]}))
    assert (home.ingest().rows_kept, home.rejects()) == (1, [(2, field, reason)])


def test_a_report_grouped_by_another_thing_or_of_no_account_fails(home: LandedHome) -> None:
    home.land(f"{FOLDER}/{NAME}", json.dumps(PAGE))
    by_tag = [{"tag": "team:search", "total_cost": 1.25}]
    home.land(f"{FOLDER}/team-alder/{NAME}", json.dumps({"results": by_tag}))
    assert home.ingest().files_failed == 2
