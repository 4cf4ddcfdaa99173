"""Bills of rented GPUs: what a line says of a node takes the place of the rate card's rent, to the last digit."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.fleets import COSTS, Fleet, until

DAY = date(2026, 8, 10)
NODE: dict[str, Any] = {
    "node_id": "n", "service_provider": "p", "billing_account_id": "a", "gpus": 8, "usd_per_gpu_hour": "1.5",
    "valid_from": DAY,
}  # fmt: skip
LINE: dict[str, Any] = {
    "bill_line_id": "l", "service_provider": "p", "billing_account_id": "a", "resource_id": "n", "meter": "other",
    "charge_category": "usage", "charge_start": datetime(2026, 8, 10), "charge_end": datetime(2026, 8, 11),
    "resource_hours": None, "gpu_hours": None, "amount_usd": Decimal(200), "is_final": True,
}  # fmt: skip


def costed(nodes: list[dict[str, Any]], bill: list[dict[str, Any]], days: int = 3) -> Fleet:
    return Fleet({"nodes": nodes}, [until(DAY + timedelta(days))], bill=bill, models=COSTS)


def costs(fleet: Fleet) -> list[tuple[Any, ...]]:
    found = fleet.rows("select node_id, usage_date, line, book_cost_usd from int_gpu_node_costs order by all")
    return [(row["node_id"], row["usage_date"].day, row["line"], row["book_cost_usd"]) for row in found]


def test_the_billed_day_costs_what_the_bill_says_and_the_others_what_the_rate_card_does() -> None:
    lines = [LINE, {**LINE, "bill_line_id": "disk", "amount_usd": Decimal("3.25")}]
    assert costs(costed([NODE], lines)) == [
        ("n", 10, "billed", Decimal("203.25")),
        ("n", 11, "on_demand", Decimal(288)),
        ("n", 12, "on_demand", Decimal(288)),
    ]


def test_a_day_with_a_line_that_can_still_change_keeps_the_rate_card() -> None:
    lines = [LINE, {**LINE, "bill_line_id": "later", "is_final": False}]
    assert [row[2:] for row in costs(costed([NODE], lines, days=1))] == [("on_demand", Decimal(288))]


def test_lines_of_other_things_are_no_rent_of_the_node() -> None:
    others: list[dict[str, Any]] = [
        {"resource_id": "volume"}, {"resource_id": None}, {"billing_account_id": "b"}, {"service_provider": "q"},
        {"charge_category": "credit"}, {"charge_category": "tax"}, {"meter": "output"}, {"amount_usd": Decimal(-1)},
        {"charge_start": datetime(2026, 8, 9), "charge_end": datetime(2026, 8, 10)},
    ]  # fmt: skip
    lines = [{**LINE, "bill_line_id": f"l{number}", **other} for number, other in enumerate(others)]
    assert costed([NODE], lines).rows("select * from int_gpu_rent_billed") == []


def test_a_bill_knows_a_node_by_another_name_until_it_has_another() -> None:
    nodes = [
        {**NODE, "billed_as": ["pod-1"], "valid_to": DAY + timedelta(1)},
        {**NODE, "billed_as": ["pod-2"], "valid_from": DAY + timedelta(1)},
    ]
    lines = [
        {**LINE, "bill_line_id": f"l{number}", "resource_id": f"pod-{number}", "charge_end": datetime(2026, 8, 12),
         "amount_usd": Decimal(10 * number)}
        for number in (1, 2)
    ]  # fmt: skip
    found = costed(nodes, lines).rows("select bill_line_id, usage_date, amount_usd from int_gpu_rent_billed order by 1")
    assert [(row["bill_line_id"], row["usage_date"].day, row["amount_usd"]) for row in found] == [
        ("l1", 10, Decimal(5)),
        ("l2", 11, Decimal(10)),
    ]


def test_hours_of_a_pool_are_its_gpus() -> None:
    """Two nodes under one name: 30 GPU-hours of 12 GPUs go as 8 : 4, and so do 4 hours of the machines themselves."""
    nodes = [{**NODE, "billed_as": ["pool"]}, {**NODE, "node_id": "m", "gpus": 4, "billed_as": ["pool"]}]
    lines = [{**LINE, "resource_id": "pool", "gpu_hours": Decimal(30)}]
    [small, large] = costed(nodes, lines).rows("select * from int_gpu_rent_billed order by node_id")
    assert (small["billed_gpu_hours"], large["billed_gpu_hours"]) == (10, 20)
    assert (small["amount_usd"], large["amount_usd"]) == (Decimal("66.666666666666"), Decimal("133.333333333334"))
    alone = costed([NODE], [{**LINE, "resource_hours": Decimal("23.5")}]).rows("select * from int_gpu_rent_billed")
    assert [row["billed_gpu_hours"] for row in alone] == [188]


@given(
    amount=st.integers(0, 10**18),
    starts_at=st.integers(-86400, 4 * 86400),
    seconds=st.one_of(st.just(0), st.integers(1, 40 * 86400)),
    gpus=st.lists(st.integers(1, 9), min_size=1, max_size=3),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nodes_and_what_is_left_of_a_line_are_the_line(
    amount: int, starts_at: int, seconds: int, gpus: list[int]
) -> None:
    """However long a line is and whatever nodes share it, nothing of its days with a rate is lost or made."""
    start = datetime(2026, 8, 10) + timedelta(seconds=starts_at)
    line = {**LINE, "resource_id": "pool", "charge_start": start, "charge_end": start + timedelta(seconds=seconds),
            "amount_usd": Decimal(amount).scaleb(-12)}  # fmt: skip
    nodes = [{**NODE, "node_id": f"n{number}", "gpus": n, "billed_as": ["pool"]} for number, n in enumerate(gpus)]
    fleet = costed(nodes, [line], days=5)
    parts = fleet.rows("select * from int_gpu_rent_billed")
    placed = sum((row["amount_usd"] for row in parts), Decimal(0))
    assert all(row["amount_usd"] >= 0 for row in parts)
    ends = datetime(2026, 8, 15)
    within = (min(start + timedelta(seconds=seconds), ends) - max(start, datetime(2026, 8, 10))).total_seconds()
    if starts_at >= 0 and start + timedelta(seconds=seconds) <= ends:
        assert placed == line["amount_usd"]
    else:
        share = line["amount_usd"] * Decimal(max(within, 0)) / Decimal(max(seconds, 1))
        assert abs(placed - share) <= Decimal("0.000000000002")
    [billed] = fleet.rows("select coalesce(sum(book_cost_usd), 0) as usd from int_gpu_node_costs where line = 'billed'")
    assert billed["usd"] == placed
