"""The worked examples on the total cost of ownership come out of the models of the mart, to the last digit."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.dbt_project.scenario_rows import comparison_of
from tests.unit.dbt_project.tco import month_of, rows_of_tco

ROWS = {
    row["id"].split(":")[-1]: row
    for row in csv.DictReader((Path(__file__).parent / "worked_examples.csv").read_text(encoding="utf-8").splitlines())
}
FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)
PLACES = Decimal("1e-12")


def expected(example: str) -> Decimal:
    return Decimal(ROWS[example]["expected"])


def node(pool: str, usd: str, category: str) -> dict[str, Any]:
    return {"usage_date": FIRST, "host": "self_hosted", "pool_id": pool, "charge_category": category, "usd": usd}


def stated(line: str, **costs: str) -> list[dict[str, Any]]:
    return [
        {"cost_id": name, "line": line, "usd_per_month": Decimal(usd), "category": name} for name, usd in costs.items()
    ]


@pytest.fixture(scope="module")
def month() -> list[dict[str, Any]]:
    """One product served by a node, another one that stands by, and a fifth of an engineer's time."""
    nodes = [
        node("primary", "3000", "gpu_busy"),
        node("primary", "2100", "gpu_idle"),
        node("failover", "0", "gpu_busy"),
        node("failover", "2550", "gpu_idle"),
    ]
    engineers = [("MLOps", "people", "192000", "0.2"), ("patching", "security_compliance", "48000", "0.1")]
    return rows_of_tco(
        "tco_monthly",
        **month_of(nodes, FIRST, LAST),
        tco_costs=[
            *stated("supporting_layer", server="340", monitoring="420", guardrails="250", logging="150"),
            *stated("storage_network_ci", network="180", storage="85", evaluation="600"),
        ],
        people=[
            {
                "role": role,
                "line": line,
                "loaded_usd_per_year": Decimal(usd),
                "share": Decimal(share),
                "is_serving": True,
            }
            for role, line, usd, share in engineers
        ],
    )


def test_the_month_of_a_70b_model(month: list[dict[str, Any]]) -> None:
    assert sum(row["cash_usd"] for row in month) == expected("tco_70b_month")
    assert {row["line"]: row["cash_usd"] for row in month} == {
        "people": 3200, "bad_answers": 0, "inference": 7650, "supporting_layer": 1160, "storage_network_ci": 865,
        "model_updates": 0, "security_compliance": 400,
    }  # fmt: skip


def test_the_multiplier_of_a_70b_model(month: list[dict[str, Any]]) -> None:
    assert {round(row["overhead_multiplier"], 12) for row in month} == {float(expected("tco_70b_multiplier"))}
    # Over the node that stands by too, which the published figure leaves out.
    assert {row["overhead_multiplier_all_gpus"] for row in month} == {13275 / 7650}


@pytest.mark.parametrize("month", range(1, 13))
def test_three_engineers(month: int) -> None:
    first = date(2026, month, 1)
    last = date(2026, month, 28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)
    [people] = [
        row
        for row in rows_of_tco(
            "tco_monthly",
            **month_of([], first, last),
            people=[
                {
                    "role": "engineers", "line": "people", "loaded_usd_per_year": Decimal(1_000_000),
                    "share": Decimal(1), "is_serving": False,
                }
            ],
        )
        if row["line"] == "people"
    ]  # fmt: skip
    assert people["cash_usd"] == expected("three_engineers").quantize(PLACES)
    assert people["overhead_multiplier"] is None


def test_bad_answer_indifference() -> None:
    """0.009 at 95 % against 0.0001 at 70 %: above it the dearer model costs less per correct answer."""
    found = expected("bad_answer_indifference")
    dear = {
        "alternative_id": "dear", "models": [{"service_provider": "openai", "model_id": "dear"}],
        "quality": {"correct": 95, "judged": 100, "source": "worked example"},
    }  # fmt: skip
    calls = [{"feature_id": "f", "usage_date": FIRST, "task_id": str(n), "effective_cost_usd": Decimal("0.0001"),
              "output_text_tokens": 1, "total_output_tokens": 1} for n in range(100)]  # fmt: skip
    tasks = [{"feature_id": "f", "ended_date": FIRST, "is_resolved": n < 70, "is_outcome_known": True}
             for n in range(100)]  # fmt: skip
    for change, dearer_wins in (("0.001", True), ("-0.001", False)):
        rows = comparison_of(
            {"scenarios": [{"scenario_id": "s", "feature_id": "f", "alternatives": [dear]}]}, calls, tasks,
            {"f": str(found + Decimal(change))}, (FIRST, LAST),
            [{"feature_id": "f", "service_provider": "openai", "model_id": "dear", "month_start": FIRST,
              "fewer_input_tokens": 0, "unpriced_calls": 0, "priced_cost_usd": Decimal("0.9")}],
        ).rows(named=True)  # fmt: skip
        assert [row["is_least_per_correct_answer"] for row in rows] == [not dearer_wins, dearer_wins]
        assert Decimal(rows[1]["equal_at_usd_per_wrong_answer"]).quantize(Decimal("1e-15")) == found
