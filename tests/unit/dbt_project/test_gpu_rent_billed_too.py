"""A bill line that could be rent which gpu_rates.yml costs already is refused, before it counts twice."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.unit.dbt_project.compiled import PROJECT, rendered, rows_of

SQL = rendered(
    (PROJECT / "tests/singular/gpu/assert_gpu_rent_is_not_billed_too.sql").read_text(encoding="utf-8"),
)
LINE: dict[str, Any] = {
    "bill_line_id": "l", "service_provider": "aws", "billing_account_id": "100", "billing_scope_id": None,
    "usage_date": date(2026, 8, 10), "charge_start": datetime(2026, 8, 10), "resource_id": None, "meter": "other",
    "charge_category": "usage", "line_item": "USE1-BoxUsage:p5.48xlarge", "amount_usd": Decimal("1321.08"),
    "file_hash": "f",
}  # fmt: skip
TYPES = {"amount_usd": pl.Decimal(26, 12), "billing_scope_id": pl.String(), "resource_id": pl.String()}


def refused(*lines: dict[str, Any], account: str = "100", on_node: tuple[tuple[str, int], ...] = ()) -> list[Any]:
    """What is refused beside a node of `account` on 10 and 11 August; `on_node`: lines that name it, and days."""
    days = [
        {"service_provider": "aws", "billing_account_id": account, "usage_date": date(2026, 8, day), "node_id": "n"}
        for day in (10, 11)
    ]
    bill = pl.DataFrame([LINE | line for line in lines], schema_overrides=TYPES)
    parts = [(name, date(2026, 8, day), "n") for name, day in on_node]
    schema = {"bill_line_id": pl.String(), "usage_date": pl.Date(), "node_id": pl.String()}
    rent = pl.DataFrame(parts, schema=schema, orient="row")
    tables = {"int_gpu_node_days": pl.DataFrame(days), "int_bill_lines": bill, "int_gpu_rent_billed": rent}
    return rows_of(SQL, tables)


def test_rent_of_a_costed_node_on_the_bill_is_refused_with_its_lines() -> None:
    later = {
        "bill_line_id": "later", "usage_date": date(2026, 8, 11), "amount_usd": Decimal("0.000000000001"),
        "file_hash": "e",
    }  # fmt: skip
    assert refused({}, later) == [
        {
            "service_provider": "aws",
            "billing_account_id": "100",
            "month_start": date(2026, 8, 1),
            "line_item": "USE1-BoxUsage:p5.48xlarge",
            "resource_id": None,
            "first_node_id": "n",
            "bill_lines": 2,
            "amount_usd": Decimal("1321.080000000001"),
            "first_file_hash": "e",
        }
    ]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param({"usage_date": date(2026, 8, 31)}, id="a month's rent, on its last day"),
        pytest.param({"charge_category": "commitment"}, id="a reservation"),
        pytest.param({"charge_category": "commitment", "resource_id": "i-1"}, id="a reservation of something"),
        pytest.param({"charge_category": "fee"}, id="a fee"),
        pytest.param({"resource_id": "i-1"}, id="a machine that no node is billed as"),
        pytest.param(
            {"resource_id": "i-1", "charge_start": datetime(2026, 7, 20), "usage_date": date(2026, 9, 1)},
            id="a machine over more than the node's days",
        ),
    ],
)
def test_rent_in_other_shapes_is_refused(line: dict[str, Any]) -> None:
    assert [row["bill_lines"] for row in refused(line)] == [1]


def test_rent_on_the_payers_bill_is_found_by_the_account_that_used_it() -> None:
    line = {"billing_account_id": "999", "billing_scope_id": "100"}
    assert [row["billing_account_id"] for row in refused(line)] == ["100"]


def test_beside_nodes_whose_every_day_is_billed_any_line_passes() -> None:
    named = {"bill_line_id": "rent", "resource_id": "n"}
    assert refused(named, {}, on_node=(("rent", 10), ("rent", 11))) == []


def test_a_day_that_the_bill_of_the_node_left_out_is_refused_beside_another_line() -> None:
    named = {"bill_line_id": "rent", "resource_id": "n"}
    assert [row["bill_lines"] for row in refused(named, {}, on_node=(("rent", 10),))] == [1]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param({"meter": "output"}, id="tokens"),
        pytest.param({"charge_category": "credit"}, id="a credit"),
        pytest.param({"charge_category": "tax"}, id="tax, which is no charge"),
        pytest.param({"amount_usd": Decimal("-3")}, id="what is given back"),
        pytest.param({"billing_account_id": "200"}, id="another account"),
        pytest.param({"service_provider": "azure"}, id="another provider"),
        pytest.param({"usage_date": date(2026, 9, 1)}, id="a month without a costed node"),
        pytest.param(
            {"resource_id": "i-1", "usage_date": date(2026, 8, 12), "charge_start": datetime(2026, 8, 12)},
            id="a machine on a day without a costed node",
        ),
    ],
)
def test_what_is_no_rent_of_a_costed_node_passes(line: dict[str, Any]) -> None:
    assert refused(line) == []
