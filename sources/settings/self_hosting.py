"""What self_hosting.yml says: which calls could run on GPUs of the company's own, on what, and against which price.

Compiled into config tables here as well: powers of the yearly changes have no exact form in SQL.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator
from decimal import Context, Decimal
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from sources.settings.models import Change, Count, Name, OneOrMore, Price, Share, Strict, Weight, row_error
from sources.settings.text import Document, Problem, did_you_mean

FILE = "self_hosting.yml"
Positive = Annotated[Share, Field(gt=0)]
Flag = Literal[
    "data_residency", "compliance", "air_gapped", "fine_tuned_weights", "latency", "switching_cost", "gpu_availability"
]
MATCHED = {
    "model": "model",
    "feature": "feature_id",
    "tenant": "tenant_id",
    "environment": "environment",
    "host": "host",
}
_FACTOR = Decimal("1.000000000000")
_EXACT = Context(prec=40)


class Shape(Strict):
    """How much of the load capacity is held for."""

    percentile: Positive
    headroom: Weight = Decimal(0)
    target_utilisation: Positive = Decimal(1)
    # Beside it, as a multiple of the load that is sized for; left out, nobody has said.
    spike_reserve: Weight | None = None
    may_be_interrupted: bool = False


def _shape(percentile: str, headroom: str, **others: Any) -> Shape:
    return Shape(percentile=Decimal(percentile), headroom=Decimal(headroom), **others)


# The capacity table of the metric dictionary. Only a consumer product keeps a reserve for spikes, and says how much.
NONE_HELD = Decimal(0)
SHAPES = {
    "steady_b2b": _shape("0.95", "0.2", spike_reserve=NONE_HELD),
    "consumer": _shape("0.95", "0.3"),
    "voice": _shape("0.99", "0.5", spike_reserve=NONE_HELD),
    "batch": _shape("0.5", "0", spike_reserve=NONE_HELD, may_be_interrupted=True),
    "critical": _shape("0.99", "1", spike_reserve=NONE_HELD),
    "free_tier": _shape("0.9", "0", spike_reserve=NONE_HELD),
}


class WorkloadMatch(Strict):
    """Which calls these are; what is left out may be anything."""

    model: OneOrMore = Field(default=[])
    feature: OneOrMore = Field(default=[])
    tenant: OneOrMore = Field(default=[])
    environment: OneOrMore = Field(default=[])
    host: OneOrMore = Field(default=[])


class Memory(Strict):
    """What a long context takes of a replica's memory."""

    layers: Annotated[Count, Field(ge=1)]
    kv_heads: Annotated[Count, Field(ge=1)]
    head_dim: Annotated[Count, Field(ge=1)]
    bytes_per_element: Annotated[Price, Field(gt=0, le=8, decimal_places=2)] = Decimal(2)
    weights_gb: Annotated[Price, Field(gt=0, decimal_places=3)]
    gpu_memory_gb: Annotated[Price, Field(gt=0, decimal_places=3)]
    # Of the GPUs' memory, for activations and what the engine itself needs.
    reserved_share: Annotated[Share, Field(lt=1)] = Decimal("0.1")
    context_tokens: Annotated[Count, Field(ge=1)] | None = None


class Replica(Strict):
    """What serves the model once, and what it sustains."""

    gpus: Annotated[Count, Field(ge=1)]
    node_id: Name | None = None
    usd_per_gpu_hour: Price | None = None
    input_tokens_per_second: Annotated[Price, Field(gt=0, decimal_places=3)]
    output_tokens_per_second: Annotated[Price, Field(gt=0, decimal_places=3)]
    # Together: both rates at the same time; apart: each while it does nothing else.
    phases: Literal["together", "apart"] = "apart"
    # A benchmark is divided by it; 1 for what production sustained.
    bench_to_real: Annotated[Price, Field(ge=1, le=100, decimal_places=4)]
    cache_read_weight: Share = Decimal(1)
    usd_per_mtok: Price = Decimal(0)
    memory: Memory | None = None

    @model_validator(mode="after")
    def _has_one_rate(self) -> Self:
        if (self.node_id is None) == (self.usd_per_gpu_hour is None):
            found = "neither" if self.node_id is None else "both"
            raise row_error("usd_per_gpu_hour", found, "either usd_per_gpu_hour or the node_id whose rate it is")
        return self


class Comparator(Strict):
    """An API that could do the same work."""

    comparator_id: Name
    kind: Literal["same_model", "own_billed"]
    # Of the same open model, in the price book.
    service_provider: Name | None = None
    model: Name | None = None
    # What the company is billed for these calls; left out, the workload's own that an API serves.
    match: WorkloadMatch | None = None
    # Share of that traffic that the open model answers as well; left out, nobody has measured it.
    passing_share: Positive | None = None

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        for field in ("service_provider", "model"):
            value = getattr(self, field)
            if (self.kind == "same_model") != (value is not None):
                raise row_error(field, value or "nothing", "a value for kind same_model, and only there")
        for field in ("match", "passing_share"):
            if self.kind == "same_model" and getattr(self, field) is not None:
                raise row_error(field, "a value", "nothing for kind same_model: it is the same model")
        return self


class Workload(Strict):
    workload_id: Name
    match: WorkloadMatch
    deployment_id: Name | None = None
    shape: Name
    replica: Replica
    min_replicas: Annotated[Count, Field(ge=1, le=1000)] = 2
    max_replicas: Annotated[Count, Field(ge=1, le=1000)] = 100
    overhead_usd_per_month: Price | None = None
    migration_usd: Price
    commitment_months: Annotated[Count, Field(ge=1, le=120)]
    comparators: Annotated[list[Comparator], Field(min_length=1)]
    flags: list[Flag] = Field(default=[])

    @model_validator(mode="after")
    def _can_grow(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise row_error("max_replicas", self.max_replicas, f"no less than min_replicas, {self.min_replicas}")
        return self


class Ownership(Strict):
    """What owning hardware of the catalogue costs besides its price; without it the catalogue is only rented."""

    life_years: Annotated[Count, Field(ge=1, le=20)]
    residual_share: Annotated[Share, Field(lt=1)] = Decimal(0)
    usd_per_kwh: Price
    power_usage_effectiveness: Annotated[Price, Field(ge=1, le=5, decimal_places=4)]
    colo_usd_per_kw_month: Price = Decimal(0)
    # Support and maintenance a year, as a share of the price.
    support_share_per_year: Share = Decimal(0)


class Sensitivity(Strict):
    """How far the inputs may be off, as shares; the verdict is formed again with each of them."""

    api_price: Share = Decimal("0.3")
    gpu_rate: Share = Decimal("0.2")
    throughput: Annotated[Share, Field(lt=1)] = Decimal("0.3")
    traffic: Annotated[Share, Field(lt=1)] = Decimal("0.5")


class SelfHosting(Strict):
    discount_rate_per_year: Share = Decimal("0.08")
    api_price_change_per_year: Change = Decimal(0)
    has_gpu_platform: bool | None = None
    shapes: dict[str, Shape] = Field(default={})
    ownership: Ownership | None = None
    sensitivity: Sensitivity = Sensitivity()
    workloads: list[Workload] = Field(default=[])

    @property
    def all_shapes(self) -> dict[str, Shape]:
        return SHAPES | self.shapes


def check_self_hosting(
    document: Document, said: SelfHosting, nodes: Collection[str] | None, deployments: Collection[str] | None
) -> Iterator[Problem]:
    """Ids that stand twice or nowhere."""
    seen: set[str] = set()
    for index, workload in enumerate(said.workloads):
        line, name = document.line_of(("workloads", index)), f"workloads[{index}]"
        if workload.workload_id in seen:
            yield Problem(
                FILE, line, f"{name}.workload_id", repr(workload.workload_id), "an id that no other workload has"
            )
        seen.add(workload.workload_id)
        ids = [comparator.comparator_id for comparator in workload.comparators]
        for twice in sorted({id_ for id_ in ids if ids.count(id_) > 1}):
            yield Problem(FILE, line, f"{name}.comparators", repr(twice), "ids that stand once in a workload")
        wanted: list[tuple[str, str | None, Collection[str] | None, str]] = [
            ("shape", workload.shape, said.all_shapes, "one of " + ", ".join(said.all_shapes)),
            ("deployment_id", workload.deployment_id, deployments, "a deployment of gpu_rates.yml"),
            ("replica.node_id", workload.replica.node_id, nodes, "a node of gpu_rates.yml"),
        ]
        for field, value, known, allowed in wanted:
            if value is not None and known is not None and value not in known:
                at = document.line_of(("workloads", index, *field.split(".")))
                yield Problem(FILE, at, f"{name}.{field}", repr(value), allowed + did_you_mean(value, known))


_RATE = pl.Decimal(18, 8)
_SHARE = pl.Decimal(9, 6)
SCHEMAS: dict[str, dict[str, Any]] = {
    "self_hosting_workloads": {
        "workload_id": pl.String(), "workload_order": pl.Int32(), "deployment_id": pl.String(), "shape": pl.String(),
        "percentile": _SHARE, "headroom": _SHARE, "target_utilisation": _SHARE, "spike_reserve": _SHARE,
        "may_be_interrupted": pl.Boolean(), "gpus": pl.Int32(), "node_id": pl.String(), "usd_per_gpu_hour": _RATE,
        "input_tokens_per_second": pl.Decimal(15, 3), "output_tokens_per_second": pl.Decimal(15, 3),
        "phases": pl.String(), "bench_to_real": pl.Decimal(7, 4), "cache_read_weight": _SHARE, "usd_per_mtok": _RATE,
        "min_replicas": pl.Int32(), "max_replicas": pl.Int32(), "overhead_usd_per_month": _RATE,
        "migration_usd": _RATE, "commitment_months": pl.Int32(), "layers": pl.Int32(), "kv_heads": pl.Int32(),
        "head_dim": pl.Int32(), "bytes_per_element": pl.Decimal(4, 2), "weights_gb": pl.Decimal(12, 3),
        "gpu_memory_gb": pl.Decimal(12, 3), "reserved_share": _SHARE, "context_tokens": pl.Int64(),
        "flags": pl.String(), "has_gpu_platform": pl.Boolean(),
    },
    "self_hosting_matches": {
        "workload_id": pl.String(), "comparator_id": pl.String(), "workload_order": pl.Int32(),
        **dict.fromkeys(MATCHED.values(), pl.String()),
    },
    "self_hosting_comparators": {
        "workload_id": pl.String(), "comparator_id": pl.String(), "kind": pl.String(),
        "service_provider": pl.String(), "model_id": pl.String(), "passing_share": _SHARE,
    },
    "self_hosting_months": {
        "workload_id": pl.String(), "month_number": pl.Int32(), "api_price_factor": pl.Decimal(24, 12),
        "discount_factor": pl.Decimal(13, 12),
    },
    "self_hosting_ownership": {
        "life_years": pl.Int32(), "residual_share": _SHARE, "usd_per_kwh": _RATE,
        "power_usage_effectiveness": pl.Decimal(7, 4), "colo_usd_per_kw_month": _RATE,
        "support_share_per_year": _SHARE, "discount_rate": _SHARE,
        "growth_factor": pl.Decimal(18, 12),
    },
    "self_hosting_cases": {
        "case_name": pl.String(), "input_name": pl.String(), "api_price_factor": _SHARE, "gpu_rate_factor": _SHARE,
        "throughput_factor": _SHARE, "traffic_factor": _SHARE,
    },
}  # fmt: skip


def config_rows(said: SelfHosting) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of SCHEMAS."""
    return {
        "self_hosting_workloads": [_workload_row(said, order, row) for order, row in enumerate(said.workloads, 1)],
        "self_hosting_matches": list(_match_rows(said.workloads)),
        "self_hosting_comparators": [
            {
                "workload_id": workload.workload_id,
                "comparator_id": row.comparator_id,
                "kind": row.kind,
                "service_provider": row.service_provider,
                "model_id": row.model,
                "passing_share": Decimal(1) if row.kind == "same_model" else row.passing_share,
            }
            for workload in said.workloads
            for row in workload.comparators
        ],
        "self_hosting_months": list(_month_rows(said)),
        "self_hosting_ownership": [_ownership_row(said.ownership, said.discount_rate_per_year)]
        if said.ownership
        else [],
        "self_hosting_cases": list(_case_rows(said.sensitivity)) if said.workloads else [],
    }


def _workload_row(said: SelfHosting, order: int, workload: Workload) -> dict[str, Any]:
    shape, replica = said.all_shapes[workload.shape], workload.replica
    memory = replica.memory.model_dump() if replica.memory else dict.fromkeys(Memory.model_fields)
    return {
        **shape.model_dump(),
        **replica.model_dump(exclude={"memory"}),
        **memory,
        **workload.model_dump(exclude={"match", "replica", "comparators", "flags"}),
        "workload_order": order,
        "flags": ", ".join(workload.flags) or None,
        "has_gpu_platform": said.has_gpu_platform,
    }


def _match_rows(workloads: Iterable[Workload]) -> Iterator[dict[str, Any]]:
    """One row per combination of single values; null is anything. Without a comparator_id, the workload's own calls."""
    for order, workload in enumerate(workloads, 1):
        own = [(None, workload.match)]
        compared = [(row.comparator_id, row.match) for row in workload.comparators if row.match is not None]
        for comparator_id, match in [*own, *compared]:
            for values in itertools.product(*(getattr(match, name) or [None] for name in MATCHED)):
                row = dict(zip(MATCHED.values(), values, strict=True))
                yield row | {
                    "workload_id": workload.workload_id,
                    "workload_order": order,
                    "comparator_id": comparator_id,
                }


def _month_rows(said: SelfHosting) -> Iterator[dict[str, Any]]:
    """Factors of each month of a commitment: the API's price at its start, and what a dollar of then is worth now."""
    price, discount = 1 + said.api_price_change_per_year, 1 + said.discount_rate_per_year
    for workload in said.workloads:
        for number in range(1, workload.commitment_months + 1):
            years = Decimal(number - 1) / 12
            yield {
                "workload_id": workload.workload_id,
                "month_number": number,
                "api_price_factor": _EXACT.power(price, years).quantize(_FACTOR),
                "discount_factor": _EXACT.power(discount, -years).quantize(_FACTOR),
            }


def _ownership_row(own: Ownership, rate: Decimal) -> dict[str, Any]:
    """With what a dollar grows to over the life; a power has no exact form in SQL."""
    growth = _EXACT.power(1 + rate, own.life_years).quantize(_FACTOR)
    return own.model_dump() | {"discount_rate": rate, "growth_factor": growth}


def _case_rows(sensitivity: Sensitivity) -> Iterator[dict[str, Any]]:
    """The case as it is, and one for each input moved up or down."""
    factors = {f"{name}_factor": Decimal(1) for name in Sensitivity.model_fields}
    yield {"case_name": "as_is", "input_name": None, **factors}
    for name, share in sensitivity:
        for word, factor in (("lower", 1 - share), ("higher", 1 + share)):
            if share:
                yield {"case_name": f"{name}_{word}", "input_name": name, **factors, f"{name}_factor": factor}
