"""List prices of capacity: GPU-hours and hours of provisioned units, dated and sourced, in capacity.yml beside it.

They price no call. A fleet pays what gpu_rates.yml says and provisioned capacity what contracts.yml says; this is what
the host asks of everybody, to hold both against.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from sources.settings import Settings
from sources.settings.foreign import terms_in_usd
from sources.settings.gpu_rates import RateKind
from sources.settings.hardware import Hardware, hardware
from sources.settings.models import Dated, Day, Name, Price, Strict, row_error
from sources.settings.text import read_yaml

GPU_HOUR, PROVISIONED_UNIT_HOUR = "gpu_hour", "provisioned_unit_hour"
# An hour outside of these is a slip of the unit, and so is one that far from the range the hardware catalogue gives.
PLAUSIBLE_USD = {GPU_HOUR: (Decimal("0.05"), Decimal(50)), PROVISIONED_UNIT_HOUR: (Decimal("0.05"), Decimal(200))}
PLAUSIBLE_FACTOR = 10
Usd = Annotated[Price, Field(gt=0)]


class CapacityEntry(Dated):
    """What a host asks for an hour of one accelerator, or of one unit of provisioned throughput."""

    entry_id: Name
    provider: Name
    capacity: Name
    hardware_id: Name | None = None
    region: Name = "any"
    rate: RateKind = "on_demand"
    # Of a reservation.
    term: Name | None = None
    usd_per_gpu_hour: Usd | None = None
    usd_per_provisioned_unit_hour: Usd | None = None
    source: Annotated[str, Field(pattern=r"^https://")]
    checked: Day
    note: str | None = None

    @model_validator(mode="after")
    def _says_one_price(self) -> Self:
        if (self.usd_per_gpu_hour is None) == (self.usd_per_provisioned_unit_hour is None):
            found = "neither" if self.usd_per_gpu_hour is None else "both"
            raise row_error("usd_per_gpu_hour", found, "usd_per_gpu_hour or usd_per_provisioned_unit_hour")
        if (self.rate == "reserved") != (self.term is not None):
            raise row_error("term", self.term or "nothing", "how long is reserved, with the rate reserved alone")
        return self

    @property
    def unit(self) -> str:
        return GPU_HOUR if self.usd_per_gpu_hour is not None else PROVISIONED_UNIT_HOUR

    @property
    def usd_per_hour(self) -> Decimal:
        (one,) = (usd for usd in (self.usd_per_gpu_hour, self.usd_per_provisioned_unit_hour) if usd is not None)
        return one


class _Entries(Strict):
    entries: list[CapacityEntry]


@cache
def capacity_entries() -> tuple[CapacityEntry, ...]:
    document = read_yaml(Path(str(files("sources.pricing") / "capacity.yml")), "sources/pricing/capacity.yml")
    return tuple(_Entries.model_validate(document.data).entries)


def find(
    entries: Iterable[CapacityEntry], capacity: str, day: date, provider: str | None = None
) -> list[CapacityEntry]:
    """The entries of a day, by the name of the capacity (`*` for any text) or of a system of the hardware catalogue."""
    return [
        one
        for one in entries
        if (fnmatchcase(one.capacity, capacity) or one.hardware_id == capacity)
        and one.valid_from <= day < one.valid_to
        and provider in (None, one.provider)
    ]


def market_range(system: Hardware) -> tuple[Decimal, Decimal] | None:
    """What an hour of one accelerator of a system rents for, by the hardware catalogue."""
    if system.rental_usd_per_hour_low is None or system.rental_usd_per_hour_high is None:
        return None
    return system.rental_usd_per_hour_low / system.accelerators, system.rental_usd_per_hour_high / system.accelerators


def implausible(entry: CapacityEntry) -> str | None:
    """What of the entry looks like a slip of the unit."""
    low, high = PLAUSIBLE_USD[entry.unit]
    market = next((market_range(one) for one in hardware() if one.hardware_id == entry.hardware_id), None)
    if market:
        low, high = max(low, market[0] / PLAUSIBLE_FACTOR), min(high, market[1] * PLAUSIBLE_FACTOR)
    if low <= entry.usd_per_hour <= high:
        return None
    return f"{entry.entry_id}: {entry.usd_per_hour} USD a {entry.unit} is outside {low} to {high}"


@dataclass(frozen=True)
class PaidRate:
    """A rate of the company: where it stands, of which capacity, on which terms."""

    file: str
    place: tuple[str | int, ...]
    name: str
    provider: str
    capacity: str | None
    unit: str
    rate: str
    usd_per_hour: Decimal
    valid_from: date
    valid_to: date

    def listed(self, entries: Iterable[CapacityEntry], day: date) -> CapacityEntry | None:
        """The host's own price of it; of several (regions, terms) the lowest, on demand where none is on its terms."""
        if self.capacity is None:
            return None
        same = [one for one in find(entries, self.capacity, day, self.provider) if one.unit == self.unit]
        of_terms = [one for one in same if one.rate == self.rate] or [one for one in same if one.rate == "on_demand"]
        return min(of_terms, key=lambda one: one.usd_per_hour, default=None)


def paid_rates(settings: Settings) -> Iterator[PaidRate]:
    """Every rate by the hour that the company pays for capacity it rents."""
    for number, node in enumerate(settings.gpu_nodes):
        rates = [(part.rate, part.usd_per_gpu_hour) for part in node.blend]
        if node.usd_per_gpu_hour is not None:
            rates.append((node.rate, node.usd_per_gpu_hour))
        for rate, usd in rates:
            yield PaidRate(
                "gpu_rates.yml", ("nodes", number), node.node_id, node.service_provider, node.capacity, GPU_HOUR, rate,
                usd, node.valid_from, node.valid_to,
            )  # fmt: skip
    for number, term in enumerate(terms_in_usd(settings.contract_terms, settings.fx_rates)):
        if term.usd_per_unit_hour is not None:
            yield PaidRate(
                "contracts.yml", ("terms", number), term.term_id, term.service_provider, term.capacity,
                PROVISIONED_UNIT_HOUR, "reserved", term.usd_per_unit_hour, term.valid_from, term.valid_to,
            )  # fmt: skip
