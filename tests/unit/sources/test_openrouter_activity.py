"""OpenRouter's activity and credits: what a day took and what is left, to the digit."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.sources.landed import PAYLOADS, LandedHome

FOLDER = "openrouter/activity"
NAME = "2026-08-10_2026-08-10__retrieved-20260812T060000Z.json"
PAGE = json.loads((PAYLOADS / FOLDER / "org-brook" / NAME).read_text())


def test_a_page_becomes_rows(home: LandedHome) -> None:
    home.land(f"{FOLDER}/org-brook/{NAME}", json.dumps(PAGE))
    summary = home.ingest()
    assert (summary.rows_kept, summary.warnings) == (2, [])
    first, second = home.lake(FOLDER).rows(named=True)
    assert (first["account_id"], first["activity_date"]) == ("org-brook", datetime(2026, 8, 10))
    assert (first["credits_usd"], first["byok_usd"]) == (Decimal("0.000265"), 0)
    assert (second["credits_usd"], second["byok_usd"], second["requests"]) == (Decimal("0.0041"), Decimal("0.0032"), 3)
    assert first["retrieved_at"] == datetime(2026, 8, 12, 6)


def test_a_day_without_activity_and_a_day_with_its_time(home: LandedHome) -> None:
    home.land(f"{FOLDER}/org-brook/a__retrieved-20260812T060000Z.json", '{"data": []}')
    dated = [row | {"date": "2026-08-10 00:00:00"} for row in PAGE["data"]]
    home.land(f"{FOLDER}/org-brook/b__retrieved-20260812T060000Z.json", json.dumps({"data": dated}))
    summary = home.ingest()
    assert (summary.files_failed, summary.rows_kept) == (0, 2)
    assert set(home.lake(FOLDER)["activity_date"]) == {datetime(2026, 8, 10)}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"usage": "much"}, "usage", 'found "much"; expected a decimal number'),
        ({"usage": None}, "usage", "missing; expected a decimal number"),
        ({"date": "10 August"}, "date",
         'found "10 August"; expected a time such as 2026-10-31T09:15:00Z or as in %Y-%m-%d'),
        ({"date": "2027-08-10"}, "date", "date in the future: 2027-08-10 00:00:00"),
        ({"requests": 1.5}, "requests", 'found "1.5"; expected a whole number, not negative'),
        ({"model": None}, "model", "missing; expected a value"),
        ({"reasoning_tokens": 401}, "reasoning_tokens", "is more than completion_tokens"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_named(changes: dict[str, Any], field: str, reason: str, home: LandedHome) -> None:
    first, second = PAGE["data"]
    home.land(f"{FOLDER}/org-brook/{NAME}", json.dumps({"data": [first, second | changes]}))
    assert (home.ingest().rows_kept, home.rejects()) == (1, [(2, field, reason)])


def test_a_page_of_no_account_or_time_fails(home: LandedHome) -> None:
    home.land(f"{FOLDER}/{NAME}", json.dumps(PAGE))
    home.land(f"{FOLDER}/org-brook/page.json", json.dumps(PAGE))
    assert home.ingest().files_failed == 2


CREDITS = "openrouter/credits/org-brook"


def test_credits_are_totals_at_a_moment(home: LandedHome) -> None:
    name = "credits__retrieved-20260812T060000Z.json"
    home.land(f"{CREDITS}/{name}", (PAYLOADS / CREDITS / name).read_bytes())
    summary = home.ingest()
    assert (summary.rows_kept, summary.warnings) == (1, [])
    (row,) = home.lake("openrouter/credits").rows(named=True)
    assert (row["account_id"], row["retrieved_at"]) == ("org-brook", datetime(2026, 8, 12, 6))
    assert (row["total_credits_usd"], row["total_usage_usd"]) == (Decimal("100.5"), Decimal("25.750365"))


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"total_usage": None}, "total_usage", "no row of 1 can be kept; line 1: missing; expected a decimal number"),
        (
            {"total_credits": "plenty"},
            "total_credits",
            'no row of 1 can be kept; line 1: found "plenty"; expected a decimal number',
        ),
    ],
)
def test_credits_that_do_not_fit_are_named(changes: dict[str, Any], field: str, reason: str, home: LandedHome) -> None:
    said = {"data": {"total_credits": 100.5, "total_usage": 25.75} | changes}
    home.land(f"{CREDITS}/c__retrieved-20260812T060000Z.json", json.dumps(said))
    assert (home.ingest().rows_kept, home.rejects()) == (0, [(1, field, reason)])


def test_credits_of_no_account_or_time_fail(home: LandedHome) -> None:
    said = json.dumps({"data": {"total_credits": 1, "total_usage": 1}})
    home.land("openrouter/credits/c__retrieved-20260812T060000Z.json", said)
    home.land(f"{CREDITS}/c.json", said)
    assert home.ingest().files_failed == 2
