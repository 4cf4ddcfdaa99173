"""What an hour of capacity costs: by the price book, by the hardware catalogue's market, as the company pays it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase

from sources.pricing import capacity
from sources.pricing.capacity import CapacityEntry
from sources.settings import Settings
from sources.settings.hardware import hardware


@dataclass(frozen=True)
class CapacityPrice:
    """An hour. `price` says whose: list, market (from `usd` up to `up_to_usd`), or paid, with the host's list price."""

    price: str
    name: str
    capacity: str
    service_provider: str
    region: str
    terms: str
    unit: str
    usd: Decimal
    up_to_usd: Decimal | None
    list_usd: Decimal | None
    source: str
    checked: date | None


def show_capacity(
    wanted: str, day: date, provider: str | None, settings: Settings | None, entries: Sequence[CapacityEntry]
) -> list[CapacityPrice]:
    """Prices of GPU-hours and provisioned units by the capacity's name, its pattern or its hardware; often none."""
    listed = sorted(
        capacity.find(entries, wanted, day, provider), key=lambda one: (one.capacity, one.usd_per_hour, one.entry_id)
    )
    found = [
        CapacityPrice(
            "list", one.entry_id, one.capacity, one.provider, one.region, _terms(one.term or one.rate), one.unit,
            one.usd_per_hour, None, None, one.source, one.checked,
        )
        for one in listed
    ]  # fmt: skip
    systems = {wanted, *(one.hardware_id for one in listed)}
    for system in hardware():
        rented = capacity.market_range(system)
        if rented and system.hardware_id in systems and provider is None:
            found.append(
                CapacityPrice(
                    "market", system.hardware_id, "", "", "any", "rented", capacity.GPU_HOUR, *rented, None,
                    system.source, system.checked,
                )
            )  # fmt: skip
    named = {one.capacity for one in listed}
    for rate in capacity.paid_rates(settings) if settings else ():
        is_asked = rate.capacity is not None and (fnmatchcase(rate.capacity, wanted) or rate.capacity in named)
        if is_asked and rate.valid_from <= day < rate.valid_to and provider in (None, rate.provider):
            at_list = rate.listed(entries, day)
            found.append(
                CapacityPrice(
                    "paid", rate.name, rate.capacity or "", rate.provider, "", _terms(rate.rate), rate.unit,
                    rate.usd_per_hour, None, at_list.usd_per_hour if at_list else None, f"config/{rate.file}", None,
                )
            )  # fmt: skip
    return found


def _terms(rate: str) -> str:
    return rate.replace("_", " ")
