"""The arithmetic of the benchmark's table, on numbers one can follow."""

import json

import pytest

from benchmarks.measure import TINY_ROWS, Measured, Nested, Stage
from benchmarks.table import Claim, as_dict, claims, show

MB = 1_000_000


@pytest.fixture
def measured() -> Measured:
    return Measured(
        rows=2_000_000 + TINY_ROWS,
        plain_bytes=2_600_000_000,
        scan_s=[2.0, 9.0, 1.0],
        floor_s=[7.0],
        ingest_plain_s=[8.0, 8.5, 70.0],
        ingest_gzip_s=[14.0, 13.0, 12.0],
        ingest_gzip_peak_bytes=700 * MB,
        ingest_peak_bytes={400: 600 * MB, 2_000: 500 * MB},
        priced_calls=3_000_000,
        pricing_s=[1.0, 2.0, 3.0],
        loop_calls=5_000,
        loop_s=0.5,
        allocation_cpu_s=31.5,
        allocation_peak_bytes=400 * MB,
        query_seconds={"one": 0.0125, "other": 0.0625},
        page_seconds=1.25,
        nested={
            "otel": Nested([1.0, 3.0, 2.0], [16.0, 15.0, 17.0], {100: 80 * MB, 400: 90 * MB}),
            "langfuse": Nested([0.5, 0.5], [5.0, 5.0], {100: 80 * MB, 400: 90 * MB}),
        },
        stages={"ingest": Stage(12.0, 600 * MB, {}), "build": Stage(40.0, 1_500 * MB, {})},
        tiny_stages={"ingest": Stage(4.0, 200 * MB, {}), "build": Stage(20.0, 300 * MB, {})},
    )


def test_claims_are_medians_ratios_and_what_comes_on_top(measured: Measured) -> None:
    found = {claim.name: claim.value for claim in claims(measured)}
    assert found == pytest.approx(
        {
            "ingest_plain_per_scan": 8.5 / 2,
            "ingest_gzip_per_scan": 13 / 2,
            "otel_per_scan": 8.0,
            "langfuse_per_scan": 10.0,
            "cpu_s_per_million": (52 - 24) / 2,
            "fixed_cpu_s": 24,
            "peak_gb": 1.5,
            "peak_growth": 1.125,
            "priced_calls_per_cpu_s": 1_500_000,
            "pricing_per_loop": 150,
            "allocation_cpu_s": 31.5,
            "allocation_peak_gb": 0.4,
            "query_ms": 62.5,
            "page_ready_s": 1.25,
        }
    )
    missed = [claim.name for claim in claims(measured) if not claim.is_met]
    assert missed == ["ingest_gzip_per_scan", "langfuse_per_scan", "cpu_s_per_million", "query_ms"]


def test_the_peak_is_the_largest_of_all_processes(measured: Measured) -> None:
    measured.ingest_gzip_peak_bytes = 2_100 * MB
    (peak,) = (claim for claim in claims(measured) if claim.name == "peak_gb")
    assert (peak.value, peak.is_met) == (2.1, False)


def test_a_goal_is_met_up_to_its_value() -> None:
    assert Claim("peak_gb", 2.0, 2.0).is_met
    assert not Claim("peak_gb", 2.0001, 2.0).is_met
    assert Claim("pricing_per_loop", 140.0, 140.0).is_met
    assert not Claim("pricing_per_loop", 139.9, 140.0).is_met


def test_table_and_json_say_the_same(measured: Measured, capsys: pytest.CaptureFixture[str]) -> None:
    show(measured, "two cores")
    shown = capsys.readouterr().out
    for claim in json.loads(json.dumps(as_dict(measured, "two cores")))["claims"]:
        (line,) = (
            line for line in shown.splitlines() if Claim(claim["name"], claim["value"], claim["goal"]).text in line
        )
        assert f"{claim['value']:,.2f}" in line
        assert ("met" if claim["is_met"] else "missed") in line
