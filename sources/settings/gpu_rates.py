"""What gpu_rates.yml says: GPU nodes, what each costs its company, and what runs on them."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Context, Decimal
from math import gcd
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from sources.settings.models import Count, Dated, Day, Name, Price, Share, Strict, Weight, row_error

RateKind = Literal["on_demand", "reserved", "spot"]
_EXACT = Context(prec=60)
_PICO = Decimal("1.000000000000")
_PRICE = Decimal("1.00000000")
# What gpu_cost_hourly calls shares of a node that are no deployment's.
NOBODYS_SHARES = ("whole", "free", "unbound", "oversubscribed")
HostCount = Annotated[Count, Field(gt=0, le=1_000_000)]
Years = Annotated[Price, Field(gt=0, le=30, decimal_places=4)]


class RateShare(Strict):
    """GPUs of a node, or hours of them, at one rate."""

    rate: RateKind
    share: Annotated[Share, Field(gt=0)]
    usd_per_gpu_hour: Price


class CostLine(Strict):
    line: Literal["power", "cooling", "colo", "network", "support", "operations"]
    usd: Price
    per: Literal["month", "year", "life", "kw_month"] = "month"


class Owned(Strict):
    """Hardware the company bought: its price, its life, and what it takes to run it."""

    capex_usd: Price
    residual_usd: Price = Decimal(0)
    life_years: Years
    # A year, for decisions; the books know no interest.
    discount_rate: Share
    in_service_from: Day | None = None
    power_kw: Annotated[Price, Field(gt=0, decimal_places=4)] | None = None
    energy: Literal["nameplate", "measured"] = "nameplate"
    usd_per_kwh: Annotated[Price, Field(decimal_places=6)] | None = None
    pue: Annotated[Price, Field(ge=1, le=5, decimal_places=4)] = Decimal(1)
    # Of the server over its GPUs, for measured energy: telemetry knows the GPUs' only.
    server_factor: Annotated[Price, Field(ge=1, le=5, decimal_places=4)] = Decimal(1)
    costs: list[CostLine] = Field(default=[])

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.residual_usd > self.capex_usd:
            raise row_error("residual_usd", self.residual_usd, f"at most capex_usd, {self.capex_usd}")
        if self.life_years * 12 % 1:
            raise row_error("life_years", self.life_years, "whole months, such as 4 or 2.5")
        if self.usd_per_kwh is not None and self.power_kw is None:
            raise row_error("power_kw", "nothing", "the node's power, since usd_per_kwh is given")
        if self.energy == "measured" and self.usd_per_kwh is None:
            raise row_error("usd_per_kwh", "nothing", "a price, since energy is measured")
        if self.power_kw is None and any(cost.per == "kw_month" for cost in self.costs):
            raise row_error("power_kw", "nothing", "the node's power, since a cost is per kw_month")
        if self.usd_per_kwh is not None and any(cost.line == "power" for cost in self.costs):
            raise row_error("costs", "power", "either usd_per_kwh or a cost of the line power, not both")
        return self


class PriceWeights(Strict):
    """What one of each takes of a node's price, against the others."""

    # Without prices of one's own, OpenCost's: of the list prices of one cloud.
    gpu: Weight = Decimal("0.95")
    vcpu: Weight = Decimal("0.031611")
    memory_gb: Weight = Decimal("0.004237")


class GpuNode(Dated):
    """One of usd_per_gpu_hour, blend and owned says what it costs."""

    node_id: Name
    service_provider: Name
    billing_account_id: Name
    gpus: Annotated[Count, Field(gt=0)]
    # What else it has. Left out, its GPUs carry all of its price.
    vcpus: HostCount | None = None
    memory_gb: HostCount | None = None
    price_weights: PriceWeights = PriceWeights()
    # What the price book calls a GPU of it, whose list price stands beside the rate.
    capacity: Name | None = None
    # What bills call it, besides node_id: an instance or pod id. Nodes that share one are billed together.
    billed_as: list[Name] = Field(default=[])
    rate: RateKind = "on_demand"
    usd_per_gpu_hour: Price | None = None
    # What its provider offers a GPU-hour for when it is promised; a question of the backlog, no cost.
    committed_usd_per_gpu_hour: Price | None = None
    blend: list[RateShare] = Field(default=[])
    owned: Owned | None = None

    @model_validator(mode="after")
    def _has_one_price(self) -> Self:
        said = {
            "usd_per_gpu_hour": self.usd_per_gpu_hour is not None,
            "blend": bool(self.blend),
            "owned": self.owned is not None,
        }
        if sum(said.values()) != 1:
            found = " and ".join(name for name, is_said in said.items() if is_said) or "none"
            raise row_error("usd_per_gpu_hour", found, "one of usd_per_gpu_hour, blend and owned")
        offer = self.committed_usd_per_gpu_hour
        if offer is not None and (self.rate != "on_demand" or self.usd_per_gpu_hour is None):
            raise row_error("committed_usd_per_gpu_hour", offer, "a node rented on demand, at usd_per_gpu_hour")
        if offer is not None and self.usd_per_gpu_hour is not None and offer >= self.usd_per_gpu_hour:
            raise row_error("committed_usd_per_gpu_hour", offer, f"less than usd_per_gpu_hour, {self.usd_per_gpu_hour}")
        total = sum((part.share for part in self.blend), Decimal(0))
        if self.blend and total != 1:
            raise row_error("blend", f"shares of {total}", "shares that add up to 1")
        if (self.vcpus is None) != (self.memory_gb is None):
            field, other = ("vcpus", "memory_gb") if self.vcpus is None else ("memory_gb", "vcpus")
            raise row_error(field, "nothing", f"a value, since {other} has one")
        if self.vcpus is None and "price_weights" in self.model_fields_set:
            raise row_error("price_weights", "weights", "vcpus and memory_gb beside them")
        if not any(self.price_parts):
            raise row_error("price_weights", "only zeros", "at least one weight above 0")
        started = self.owned.in_service_from if self.owned else None
        if started is not None and started > self.valid_from:
            raise row_error("owned.in_service_from", started, f"a day up to valid_from, {self.valid_from}")
        if self.owned and self.billed_as:
            raise row_error("billed_as", self.billed_as[0], "a rented node: what owned hardware costs stands here")
        if self.owned and self.capacity is not None:
            raise row_error("capacity", self.capacity, "a rented node: owned hardware has no price by the hour")
        return self

    @property
    def hourly_rate_usd(self) -> Decimal | None:
        """Rent of a GPU-hour; the mean of a blend. None of owned hardware."""
        if not self.blend:
            return self.usd_per_gpu_hour
        return sum((part.share * part.usd_per_gpu_hour for part in self.blend), Decimal(0)).quantize(_PRICE)

    @property
    def price_parts(self) -> tuple[int, int, int]:
        """Whole parts of the price that GPUs, CPUs and memory carry."""
        if self.vcpus is None or self.memory_gb is None:
            return 1, 0, 0
        weights = self.price_weights
        gpus, vcpus, memory = (
            int((count * weight).scaleb(6))
            for count, weight in (
                (self.gpus, weights.gpu), (self.vcpus, weights.vcpu), (self.memory_gb, weights.memory_gb),
            )
        )  # fmt: skip
        common = gcd(gpus, vcpus, memory) or 1
        return gpus // common, vcpus // common, memory // common


class PhaseWeights(Strict):
    """Work of one token of a class, relative to the others."""

    input: Weight
    cache_read: Weight
    output: Weight

    @model_validator(mode="after")
    def _weighs_something(self) -> Self:
        if not (self.input or self.cache_read or self.output):
            raise row_error("input", "only zeros", "at least one weight above 0")
        return self


class GpuSlice(Strict):
    """A MIG slice of a GPU, by what telemetry calls both; a GPU as a whole, cut or not, where slice is left out."""

    gpu: Name
    slice: Name | None = None


class GpuDeployment(Dated):
    deployment_id: Name
    node_id: Name
    model_id: Name
    model: Name
    # Of the node's, fractions too; left out, the deployments of the node share it by their tokens.
    gpus: Annotated[Weight, Field(gt=0)] | None = None
    # GPUs and slices of the node that are the deployment's alone.
    slices: list[GpuSlice] = Field(default=[])
    weights: PhaseWeights
    sustainable_tokens_per_second: Annotated[Price, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_no_share_of_nobody(self) -> Self:
        if self.deployment_id in NOBODYS_SHARES:
            raise row_error("deployment_id", self.deployment_id, f"a name other than {', '.join(NOBODYS_SHARES)}")
        if self.gpus is not None and self.slices:
            raise row_error("slices", self.slices[0].gpu, "either gpus or slices, not both")
        return self

    @property
    def kind(self) -> Literal["gpus", "slices", "tokens"]:
        """What its part of the node follows."""
        return "slices" if self.slices else "tokens" if self.gpus is None else "gpus"


class GpuRates(Strict):
    nodes: list[GpuNode] = Field(default=[])
    deployments: list[GpuDeployment] = Field(default=[])


_TEXT = pl.String()
_MONEY = pl.Decimal(26, 12)
_VALIDITY = {"valid_from": pl.Date(), "valid_to": pl.Date()}
SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "gpu_nodes": {
        "node_id": _TEXT, "service_provider": _TEXT, "billing_account_id": _TEXT, "gpus": pl.Int32(),
        "usd_per_gpu_hour": pl.Decimal(18, 8), "committed_usd_per_gpu_hour": pl.Decimal(18, 8),
        "capex_usd": pl.Decimal(18, 8), "residual_usd": pl.Decimal(18, 8),
        "life_months": pl.Int32(), "discount_rate": pl.Decimal(9, 6), "growth_factor": pl.Decimal(18, 12),
        "in_service_from": pl.Date(), "gpus_weight": pl.Int64(), "vcpus_weight": pl.Int64(),
        "memory_weight": pl.Int64(), **_VALIDITY,
    },
    "gpu_node_resources": {"node_id": _TEXT, "resource_id": _TEXT, **_VALIDITY},
    "gpu_node_lines": {
        "node_id": _TEXT, "line": _TEXT, "per": _TEXT, "usd": _MONEY, "unmeasured_usd": _MONEY, **_VALIDITY,
    },
    "gpu_deployments": {
        "deployment_id": _TEXT, "node_id": _TEXT, "model_id": _TEXT, "model": _TEXT,
        "gpus": pl.Decimal(9, 6),
        "input_weight": pl.Decimal(9, 6), "cache_read_weight": pl.Decimal(9, 6), "output_weight": pl.Decimal(9, 6),
        "is_bound": pl.Boolean(), "sustainable_tokens_per_second": pl.Decimal(18, 8), **_VALIDITY,
    },
    "gpu_deployment_slices": {
        "deployment_id": _TEXT, "node_id": _TEXT, "gpu_uuid": _TEXT, "slice_id": _TEXT, **_VALIDITY,
    },
}  # fmt: skip


def config_rows(nodes: Iterable[GpuNode], deployments: Iterable[GpuDeployment]) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of SCHEMAS."""
    nodes, deployments = list(nodes), list(deployments)
    return {
        "gpu_nodes": [_node_row(node) for node in nodes],
        "gpu_node_resources": [
            {"node_id": node.node_id, "resource_id": name, "valid_from": node.valid_from, "valid_to": node.valid_to}
            for node in nodes
            if node.owned is None
            for name in dict.fromkeys((node.node_id, *node.billed_as))
        ],
        "gpu_node_lines": [
            {"unmeasured_usd": None, **row, "node_id": node.node_id, "valid_from": node.valid_from}
            | {"valid_to": node.valid_to}
            for node in nodes
            for row in _line_rows(node)
        ],
        "gpu_deployments": [
            row.model_dump(exclude={"weights", "slices"})
            | {f"{name}_weight": value for name, value in row.weights}
            | {"is_bound": bool(row.slices)}
            for row in deployments
        ],
        "gpu_deployment_slices": [
            row.model_dump(include={"deployment_id", "node_id", "valid_from", "valid_to"})
            | {"gpu_uuid": bound.gpu, "slice_id": bound.slice}
            for row in deployments
            for bound in row.slices
        ],
    }


def _node_row(node: GpuNode) -> dict[str, Any]:
    hidden = {"rate", "blend", "owned", "billed_as", "capacity", "vcpus", "memory_gb", "price_weights"}
    parts = zip(("gpus_weight", "vcpus_weight", "memory_weight"), node.price_parts, strict=True)
    row = node.model_dump(exclude=hidden) | {"usd_per_gpu_hour": node.hourly_rate_usd, **dict(parts)}
    owned = node.owned
    if owned is None:
        return row | dict.fromkeys(("capex_usd", "residual_usd", "life_months", "discount_rate")) | _since(None)
    return row | {
        "capex_usd": owned.capex_usd,
        "residual_usd": owned.residual_usd,
        "life_months": int(owned.life_years * 12),
        "discount_rate": owned.discount_rate,
        **_since(owned.in_service_from or node.valid_from),
        # A power has no exact form in SQL.
        "growth_factor": _EXACT.power(1 + owned.discount_rate, owned.life_years).quantize(_PICO),
    }


def _since(day: date | None) -> dict[str, Any]:
    return {"in_service_from": day, "growth_factor": None}


def _line_rows(node: GpuNode) -> Iterator[dict[str, Any]]:
    """What a node costs, line by line: USD of a GPU-hour, hour, kWh, month, year or the whole life."""
    if node.usd_per_gpu_hour is not None:
        yield {"line": node.rate, "per": "gpu_hour", "usd": node.usd_per_gpu_hour}
    for part in node.blend:
        yield {"line": part.rate, "per": "gpu_hour", "usd": (part.share * part.usd_per_gpu_hour).quantize(_PICO)}
    owned = node.owned
    if owned is None:
        return
    yield {"line": "depreciation", "per": "life", "usd": owned.capex_usd - owned.residual_usd}
    if owned.power_kw is not None and owned.usd_per_kwh is not None:
        kwh_usd = owned.pue * owned.usd_per_kwh
        hour_usd = (owned.power_kw * kwh_usd).quantize(_PICO)
        if owned.energy == "nameplate":
            yield {"line": "power", "per": "hour", "usd": hour_usd}
        else:
            unmeasured = (hour_usd / node.gpus).quantize(_PICO)
            measured_usd = (owned.server_factor * kwh_usd).quantize(_PICO)
            yield {"line": "power", "per": "kwh", "usd": measured_usd, "unmeasured_usd": unmeasured}
    for cost in owned.costs:
        kilowatts = owned.power_kw if cost.per == "kw_month" and owned.power_kw is not None else Decimal(1)
        per = "month" if cost.per == "kw_month" else cost.per
        yield {"line": cost.line, "per": per, "usd": (cost.usd * kilowatts).quantize(_PICO)}
