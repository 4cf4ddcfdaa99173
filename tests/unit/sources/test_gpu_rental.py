"""Bills of rented GPUs: RunPod's two forms and the CSV, and which lines are set aside."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.sources.landed import PAYLOADS, LandedHome

FOLDER = PAYLOADS / "gpu_rental" / "bills"
V2 = "acct-runpod-1/2026-08-10__retrieved-20260815T060000Z.json"
V1 = "acct-runpod-1/2026-08-12__retrieved-20260815T060100Z.json"
CSV = "2026-08__retrieved-20260904T060000Z.csv"


def landed(home: LandedHome, name: str, text: str | None = None) -> list[dict[str, Any]]:
    home.land(f"gpu_rental/bills/{name}", (FOLDER / name).read_text() if text is None else text)
    home.ingest()
    return home.lake("gpu_rental/bills").sort("row_number").to_dicts()


def test_runpods_records_are_days_of_pods(home: LandedHome) -> None:
    rows = landed(home, V2)
    assert [(r["resource_id"], r["charge_start"].day, r["billed_amount"], r["resource_hours"]) for r in rows] == [
        ("k7x2v9m4q1", 10, Decimal("47.9424"), None),
        ("k7x2v9m4q1", 11, Decimal("29.031234567890"), None),
        ("p3d8w6t0z5", 10, Decimal("1.92"), None),
    ]
    assert {(r["service_provider"], r["billing_account_id"], r["currency"]) for r in rows} == {
        ("runpod", "acct-runpod-1", "USD")
    }
    assert [r["billing_period_end"] for r in rows[:2]] == [r["charge_end"] for r in rows[:2]]


def test_runpods_first_api_says_how_long_and_not_until_when(home: LandedHome) -> None:
    rows = landed(home, V1)
    assert [(r["charge_start"], r["charge_end"], r["resource_hours"]) for r in rows] == [
        (datetime(2026, 8, 12), datetime(2026, 8, 13), Decimal(24)),
        (datetime(2026, 8, 13), datetime(2026, 8, 14), Decimal("6.075")),
    ]


def test_lines_of_any_renter_are_bill_lines(home: LandedHome) -> None:
    rows = landed(home, CSV)
    assert [(r["resource_id"], r["charge_category"], r["resource_hours"], r["gpu_hours"]) for r in rows] == [
        ("gpu-node-1", "usage", None, 2880),
        ("gpu-node-1", "usage", 384, None),
        (None, "usage", None, None),
        (None, "credit", None, None),
        (None, "tax", None, None),
    ]
    assert {r["billing_period_end"] for r in rows} == {datetime(2026, 9, 1)}
    assert sum(r["billed_amount"] for r in rows) == Decimal("17369.81")


@pytest.mark.parametrize(
    ("record", "field", "reason"),
    [
        ({"podId": None}, "podId", "missing"),
        ({"totalAmount": None}, "totalAmount", "missing"),
        ({"totalAmount": "12x"}, "totalAmount", "12x"),
        ({"startTime": "yesterday"}, "startTime", "yesterday"),
        ({"endTime": "2026-08-17T00:00:00Z"}, "endTime", "bucketSize=day"),
        ({"endTime": "2026-08-09T00:00:00Z"}, "charge_end", "before the start"),
        ({"timeBilledMs": 86400001 * 8}, "timeBilledMs", "grouping=podId"),
        ({"timeBilledMs": -1}, "timeBilledMs", "-1"),
    ],
)
def test_a_record_that_does_not_fit_is_set_aside(home: LandedHome, record: Any, field: str, reason: str) -> None:
    document = json.loads((FOLDER / V2).read_text())
    document["records"][1] |= record
    assert len(landed(home, V2, json.dumps(document))) == 2
    [(line, at, why)] = home.rejects()
    assert (line, field in at, reason in why) == (2, True, True), (line, at, why)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("bill__retrieved-20260815T060000Z.json", "[]", "landing/gpu_rental/bills/<billing account>/"),
        (V2, '{"error": "Unauthorized"}', "expected a list of records"),
        (V2, "{", "not valid JSON"),
        (CSV, "service_provider,billing_account_id\np,a\n", "missing in the header"),
        (CSV, (FOLDER / CSV).read_text().replace(",usage,", ",rental,"), "rental"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(home: LandedHome, name: str, text: str, reason: str) -> None:
    home.land(f"gpu_rental/bills/{name}", text)
    report = home.ingest()
    assert any(reason in why for _, _, why in home.rejects()), (report, home.rejects())
    assert home.lake("gpu_rental/bills").is_empty()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("2026-08-01,2026-08-16,,2880", "2026-08-01,2026-07-16,,2880", "charge_end"),
        (",2880,", ",-2880,", "gpu_hours"),
        ("7027.20", "", "billed_amount"),
        ("7027.20,USD", "7027.20,CHF", "currency"),
    ],
)
def test_a_line_that_does_not_fit_is_set_aside(home: LandedHome, old: str, new: str, field: str) -> None:
    assert len(landed(home, CSV, (FOLDER / CSV).read_text().replace(old, new, 1))) == 4
    assert [(line, at) for line, at, _ in home.rejects()] == [(2, field)]
