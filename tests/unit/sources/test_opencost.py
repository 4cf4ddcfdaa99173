"""OpenCost's allocations, of its API and of its CSV export, and what is set aside."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.sources.landed import PAYLOADS, LandedHome

FOLDER = PAYLOADS / "opencost" / "allocations"
JSON = "2026-08-10_2026-08-11__retrieved-20260812T060000Z.json"
CSV = "2026-08-12__retrieved-20260813T060000Z.csv"


def landed(home: LandedHome, name: str, text: str | None = None) -> list[dict[str, Any]]:
    home.land(f"opencost/allocations/{name}", (FOLDER / name).read_text() if text is None else text)
    home.ingest()
    return home.lake("opencost/allocations").sort("row_number").to_dicts()


def test_allocations_of_the_api_have_their_adjustment(home: LandedHome) -> None:
    rows = landed(home, JSON)
    assert [(r["namespace"], r["pod"], r["gpu_hours"], r["gpu_cost"]) for r in rows] == [
        ("llama", "llama-70b-0", 96, Decimal("23.04")),
        ("monitoring", "prometheus-0", 0, 0),
        ("__idle__", None, 0, 0),
    ]
    assert {(r["window_start"], r["window_end"]) for r in rows} == {(datetime(2026, 8, 10), datetime(2026, 8, 11))}


def test_lines_of_the_csv_are_the_same_day_by_day(home: LandedHome) -> None:
    rows = landed(home, CSV)
    assert [(r["namespace"], r["pod"], r["gpu_hours"], r["gpu_cost"], r["total_cost"]) for r in rows] == [
        ("llama", "llama-70b-0", 96, Decimal("23.04"), Decimal("28.2434")),
        ("monitoring", "prometheus-0", 0, 0, Decimal("0.79")),
    ]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"gpuHours": None}, "gpuHours", "missing"),
        ({"gpuHours": -1}, "gpuHours", "-1"),
        ({"gpuCost": "NaN"}, "gpuCost", "NaN"),
        ({"window": {"start": "2026-08-10T00:00:00Z", "end": "2026-08-17T00:00:00Z"}}, "window", "step=1d"),
        ({"window": {"start": "2026-08-10T00:00:00Z", "end": None}}, "end", "missing"),
    ],
)
def test_an_allocation_that_does_not_fit_is_set_aside(home: LandedHome, change: Any, field: str, reason: str) -> None:
    document = json.loads((FOLDER / JSON).read_text())
    next(iter(document["data"][0].values())).update(change)
    assert len(landed(home, JSON, json.dumps(document))) == 2
    [(line, at, why)] = home.rejects()
    assert (line, field in at, reason in why) == (1, True, True), (line, at, why)


@pytest.mark.parametrize(
    ("name", "text"),
    [(JSON, '{"code": 400, "message": "bad window"}'), (JSON, '{"code"'), (CSV, "Date,Namespace\n2026-08-12,a\n")],
)
def test_a_file_without_allocations_is_refused(home: LandedHome, name: str, text: str) -> None:
    home.land(f"opencost/allocations/{name}", text)
    home.ingest()
    assert home.lake("opencost/allocations").is_empty()
    assert home.rejects()
