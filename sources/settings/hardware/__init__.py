"""What accelerators cost, draw, hold and sustain, as published: dated facts with sources, in YAML beside this module.

`catalog.yml` holds hardware, `rules_of_thumb.yml` what others say about when self-hosting pays. They become config
tables, so that the warehouse can set them beside what the company runs. What nobody says is null.
"""

from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field

from sources.settings.models import Count, Day, Name, Price, Strict
from sources.settings.text import read_yaml

Usd = Annotated[Price, Field(gt=0)]
Rate = Annotated[Price, Field(gt=0, decimal_places=3)]
Figure = Annotated[Decimal, Field(gt=0, max_digits=26, decimal_places=6)]


class Throughput(Strict):
    """Tokens per second of the whole system, all requests together."""

    model: Name
    precision: Name | None = None
    output_tokens_per_second: Rate | None = None
    # Input and output together.
    tokens_per_second: Rate | None = None
    # What production gets of it: divided by this. A range is given by its middle.
    bench_to_real: Annotated[Price, Field(ge=1, decimal_places=4)]
    basis: Literal["measured", "published"]
    source: Name


class Hardware(Strict):
    """One system as it is bought or rented whole."""

    hardware_id: Name
    name: Name
    accelerators: Annotated[Count, Field(ge=1)]
    memory_gb_per_accelerator: Rate | None = None
    capex_usd_low: Usd | None = None
    capex_usd_high: Usd | None = None
    peak_power_kw: Rate | None = None
    rental_usd_per_hour_low: Usd | None = None
    rental_usd_per_hour_high: Usd | None = None
    source: Name
    checked: Day
    throughputs: list[Throughput] = Field(default=[])


class RuleOfThumb(Strict):
    """What others say about when self-hosting pays: a band of a figure that the company's own data has too."""

    rule_id: Name
    says: Name
    figure: Literal[
        "tokens_per_day", "tokens_per_month", "tokens_per_year", "api_usd_per_month", "api_usd_per_year",
        "api_cost_over_own_cost", "own_cost_over_gpu_cost", "throughput_utilisation",
    ]  # fmt: skip
    at_least: Figure
    at_most: Figure | None = None
    # An expectation is checked against the company's figure; a threshold says self-hosting pays from there on.
    kind: Literal["threshold", "expectation"]
    needs_gpu_platform: bool | None = None
    source: Name
    checked: Day


@cache
def hardware() -> tuple[Hardware, ...]:
    return tuple(Hardware.model_validate(row) for row in _read("catalog.yml")["hardware"])


@cache
def rules_of_thumb() -> tuple[RuleOfThumb, ...]:
    return tuple(RuleOfThumb.model_validate(row) for row in _read("rules_of_thumb.yml")["rules"])


def _read(name: str) -> Any:
    return read_yaml(Path(str(files(__name__) / name)), name).data


_USD = pl.Decimal(18, 8)
_RATE = pl.Decimal(15, 3)
SCHEMAS: dict[str, dict[str, Any]] = {
    "hardware": {
        "hardware_id": pl.String(), "hardware_name": pl.String(), "accelerators": pl.Int32(),
        "memory_gb_per_accelerator": _RATE, "capex_usd_low": _USD, "capex_usd_high": _USD, "peak_power_kw": _RATE,
        "rental_usd_per_hour_low": _USD, "rental_usd_per_hour_high": _USD, "source": pl.String(), "checked": pl.Date(),
    },
    "hardware_throughputs": {
        "hardware_id": pl.String(), "model": pl.String(), "numeric_precision": pl.String(),
        "output_tokens_per_second": _RATE, "tokens_per_second": _RATE, "bench_to_real": pl.Decimal(7, 4),
        "basis": pl.String(), "source": pl.String(),
    },
    "rules_of_thumb": {
        "rule_id": pl.String(), "says": pl.String(), "figure": pl.String(), "at_least": pl.Decimal(26, 6),
        "at_most": pl.Decimal(26, 6),
        "kind": pl.String(), "needs_gpu_platform": pl.Boolean(), "source": pl.String(), "checked": pl.Date(),
    },
}  # fmt: skip


def config_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of SCHEMAS."""
    return {
        "hardware": [
            row.model_dump(exclude={"name", "throughputs"}) | {"hardware_name": row.name} for row in hardware()
        ],
        "hardware_throughputs": [
            one.model_dump(exclude={"precision"}) | {"hardware_id": row.hardware_id, "numeric_precision": one.precision}
            for row in hardware()
            for one in row.throughputs
        ],
        "rules_of_thumb": [row.model_dump() for row in rules_of_thumb()],
    }
