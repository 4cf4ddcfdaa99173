"""List prices of GPU-hours and provisioned units: dated, sourced, with the unit in the key."""

from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from pydantic import ValidationError

from sources.pricing.capacity import CapacityEntry, capacity_entries, find, implausible, market_range
from sources.settings.hardware import hardware

DAY = date(2026, 11, 18)
ENTRY = {
    "entry_id": "own", "provider": "northgpu", "capacity": "h100-sxm-80gb", "hardware_id": "h100-sxm-8",
    "usd_per_gpu_hour": "2.49", "valid_from": "2026-08-01", "source": "https://northgpu.example/prices",
    "checked": "2026-11-18",
}  # fmt: skip


def entry(**changes: Any) -> CapacityEntry:
    return CapacityEntry.model_validate({k: v for k, v in (ENTRY | changes).items() if v is not None})


def test_the_shipped_prices_are_plausible_known_hardware_and_one_a_day() -> None:
    entries = capacity_entries()
    assert [slip for one in entries if (slip := implausible(one))] == []
    assert {one.hardware_id for one in entries} - {one.hardware_id for one in hardware()} == {None}
    assert {one.unit for one in entries} == {"gpu_hour", "provisioned_unit_hour"}
    assert len({one.entry_id for one in entries}) == len(entries)
    for first, second in combinations(entries, 2):
        same = all(
            getattr(first, it) == getattr(second, it) for it in ("provider", "capacity", "region", "rate", "term")
        )
        assert not same or first.valid_to <= second.valid_from or second.valid_to <= first.valid_from
    # A price is not known before somebody looked, and somebody looked while it held.
    assert all(one.valid_from <= one.checked < one.valid_to for one in entries)


@pytest.mark.parametrize("factor", [Decimal(1000), 1 / Decimal(1000)])
def test_a_price_off_by_a_thousand_is_implausible(factor: Decimal) -> None:
    for one in capacity_entries():
        name = f"usd_per_{one.unit}"
        slip = one.model_copy(update={name: one.usd_per_hour * factor})
        assert implausible(slip), slip


def test_a_price_far_from_the_rental_range_of_its_hardware_is_implausible() -> None:
    # Eight of them rent for 15 to 25 an hour: 1.875 to 3.125 each.
    [system] = [one for one in hardware() if one.hardware_id == "h100-sxm-8"]
    assert market_range(system) == (Decimal("1.875"), Decimal("3.125"))
    assert implausible(entry()) is None
    assert implausible(entry(usd_per_gpu_hour="0.18")) == "own: 0.18 USD a gpu_hour is outside 0.1875 to 31.250"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source": None}, "source"),
        ({"source": "a friend"}, "source"),
        ({"checked": None}, "checked"),
        ({"usd_per_gpu_hour": None}, "usd_per_gpu_hour"),
        ({"usd_per_provisioned_unit_hour": "1"}, "usd_per_gpu_hour"),
        ({"usd_per_gpu_hour": "0"}, "usd_per_gpu_hour"),
        ({"usd": "2"}, "usd"),
        ({"rate": "reserved"}, "term"),
        ({"term": "1 year"}, "term"),
        ({"valid_to": "2026-08-01"}, "valid_to"),
    ],
)
def test_an_entry_says_one_price_its_unit_source_and_day(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        entry(**changes)
    found = error.value.errors()[0]
    assert field in (*found["loc"], found.get("ctx", {}).get("field"))


def test_a_price_holds_on_its_days_by_name_pattern_or_hardware() -> None:
    entries = capacity_entries()

    def at_runpod(day: date) -> list[str]:
        return [str(one.usd_per_hour) for one in find(entries, "h100-sxm-80gb", day, "runpod")]

    assert [at_runpod(date(2026, *day)) for day in ((9, 24), (9, 25), (10, 18), (10, 19))] == [
        [], ["3.49"], ["3.49"], ["3.99"],
    ]  # fmt: skip
    by_pattern, by_hardware = (find(entries, name, DAY) for name in ("h100*", "h100-sxm-8"))
    assert by_pattern == by_hardware
    assert {one.provider for one in by_pattern} == {"aws", "azure", "coreweave", "lambda", "runpod"}
    assert find(entries, "gpt-5-nano", DAY) == []
