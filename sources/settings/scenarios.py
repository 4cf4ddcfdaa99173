"""scenarios.yml: other architectures for the work of a feature, to be priced on what was measured of it."""

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from sources.settings.models import Count, Name, Price, Share, Strict, row_error
from sources.settings.text import Document, Problem, did_you_mean

FILE = "scenarios.yml"
# The row of what is in place, which is measured.
IN_PLACE = "in place"


class Routed(Strict):
    """A model of the price book, and the share of the calls that goes to it."""

    service_provider: Name
    model_id: Name
    share: Annotated[Share, Field(gt=0)] = Decimal(1)
    # Of every prompt: instructions it was trained on, or passages that retrieval leaves out.
    fewer_input_tokens: Count = 0


class Fleet(Strict):
    """GPUs that would serve all of the work, for all hours of the month."""

    gpus: Annotated[Count, Field(ge=1)]
    usd_per_gpu_hour: Price
    overhead_usd_per_month: Price = Decimal(0)
    basis: Literal["rented", "book", "economic"]


class Quality(Strict):
    """What an evaluation found."""

    correct: Count
    judged: Annotated[Count, Field(ge=1)]
    source: Name

    @model_validator(mode="after")
    def _is_a_part(self) -> Self:
        if self.correct > self.judged:
            raise row_error("correct", self.correct, f"at most judged, {self.judged}")
        return self


class Flags(Strict):
    """What no price decides."""

    data_residency: Name | None = None
    compliance: Name | None = None
    availability_risk: Name | None = None
    switching_usd: Price | None = None


class Alternative(Strict):
    """Models of the price book by shares, or GPUs."""

    alternative_id: Name
    models: list[Routed] = Field(default=[])
    self_hosted: Fleet | None = None
    quality: Quality | None = None
    latency_p95_seconds: Price | None = None
    flags: Flags = Flags()

    @model_validator(mode="after")
    def _says_what_serves(self) -> Self:
        if bool(self.models) == (self.self_hosted is not None):
            raise row_error("models", "both" if self.models else "neither", "either models or self_hosted")
        total = sum((row.share for row in self.models), Decimal(0))
        if self.models and total != 1:
            raise row_error("models", f"shares that add up to {total}", "shares that add up to 1")
        if self.alternative_id == IN_PLACE:
            raise row_error("alternative_id", repr(IN_PLACE), "any other name; this one is reserved")
        return self


class Scenario(Strict):
    scenario_id: Name
    feature_id: Name
    # What counts as one answer.
    answer: Literal["task", "request"] = "task"
    alternatives: Annotated[list[Alternative], Field(min_length=1)]


class Scenarios(Strict):
    scenarios: list[Scenario] = Field(default=[])


def check_scenarios(document: Document, said: Scenarios, features: Collection[str] | None) -> Iterator[Problem]:
    """Features that are unknown, and names that stand twice."""
    names: list[str] = []
    for index, scenario in enumerate(said.scenarios):
        place = f"scenarios[{index}]"
        if features is not None and scenario.feature_id not in features:
            line = document.line_of(("scenarios", index, "feature_id"))
            allowed = f"a feature of features.csv{did_you_mean(scenario.feature_id, features)}"
            yield Problem(FILE, line, f"{place}.feature_id", repr(scenario.feature_id), allowed)
        if scenario.scenario_id in names:
            line = document.line_of(("scenarios", index, "scenario_id"))
            yield Problem(FILE, line, f"{place}.scenario_id", f"{scenario.scenario_id!r} again", "each once")
        names.append(scenario.scenario_id)
        ids = [row.alternative_id for row in scenario.alternatives]
        for number, id_ in enumerate(ids):
            if id_ in ids[:number]:
                line = document.line_of(("scenarios", index, "alternatives", number, "alternative_id"))
                field = f"{place}.alternatives[{number}].alternative_id"
                yield Problem(FILE, line, field, f"{id_!r} again", "each once in a scenario")


_TEXT = pl.String()
_USD = pl.Decimal(18, 8)
SCHEMAS: dict[str, dict[str, Any]] = {
    "scenario_alternatives": {
        "scenario_id": _TEXT, "feature_id": _TEXT, "answer": _TEXT, "alternative_id": _TEXT,
        "alternative_order": pl.Int32(), "cost_basis": _TEXT, "gpus": pl.Int32(), "usd_per_gpu_hour": _USD,
        "overhead_usd_per_month": _USD, "correct_answers": pl.Int64(), "judged_answers": pl.Int64(),
        "quality_source": _TEXT, "latency_p95_seconds": _USD, "data_residency": _TEXT, "compliance": _TEXT,
        "availability_risk": _TEXT, "switching_usd": _USD,
    },
    "scenario_models": {
        "scenario_id": _TEXT, "feature_id": _TEXT, "alternative_id": _TEXT, "service_provider": _TEXT,
        "model_id": _TEXT, "share": pl.Decimal(9, 6), "fewer_input_tokens": pl.Int64(),
    },
}  # fmt: skip


def config_rows(said: Scenarios) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of SCHEMAS; each scenario begins with what is in place."""
    return {
        "scenario_alternatives": [row for scenario in said.scenarios for row in _alternative_rows(scenario)],
        "scenario_models": [
            scenario.model_dump(include={"scenario_id", "feature_id"})
            | {"alternative_id": row.alternative_id}
            | model.model_dump()
            for scenario in said.scenarios
            for row in scenario.alternatives
            for model in row.models
        ],
    }


def _alternative_rows(scenario: Scenario) -> Iterator[dict[str, Any]]:
    nothing = dict.fromkeys(SCHEMAS["scenario_alternatives"])
    of_scenario = nothing | scenario.model_dump(exclude={"alternatives"})
    yield of_scenario | {"alternative_id": IN_PLACE, "alternative_order": 0, "cost_basis": "measured"}
    for number, row in enumerate(scenario.alternatives, start=1):
        fleet = row.self_hosted.model_dump(exclude={"basis"}) if row.self_hosted else {}
        quality = row.quality
        judged = {
            "correct_answers": quality.correct, "judged_answers": quality.judged, "quality_source": quality.source,
        } if quality else {}  # fmt: skip
        yield (
            of_scenario
            | row.flags.model_dump()
            | fleet
            | judged
            | {
                "alternative_id": row.alternative_id,
                "alternative_order": number,
                "cost_basis": row.self_hosted.basis if row.self_hosted else "price_book",
                "latency_p95_seconds": row.latency_p95_seconds,
            }
        )
