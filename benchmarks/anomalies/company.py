"""A company's daily usage by tenant, feature, model and key, quiet or with incidents of incidents.csv injected.

Made up from shapes that examples/company takes of real traces: tenants by rank to the power -1.13, office weekdays,
heavy-tailed token counts whose daily mean is noisier the fewer calls there are. "Quiet" is not still: a tenant is new
and grows, a model gets cheaper, a holiday is slow.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FIRST_DAY, DAYS = date(2026, 8, 3), 98
# Incidents begin after four weeks; one every eleven days, so that each has days of its own.
FIRST_INCIDENT, EVERY_DAYS, INCIDENTS = 30, 11, 6
# Nobody asks to be woken for what costs less than this a day.
LARGE_ENOUGH_USD = 20.0
OFFICE = np.array([1.12, 1.20, 1.22, 1.18, 1.02, 0.38, 0.32])
FLAT = np.array([1.03, 1.05, 1.05, 1.04, 1.00, 0.93, 0.90])
HOLIDAY, HOLIDAY_FACTOR = 50, 0.4
NEW_TENANT_DAY, NEW_TENANT_DAYS = 40, 25
PRICE_CUT_DAY, PRICE_CUT = 60, 0.8
# USD per million tokens: plain input and output; a read from the cache is a tenth of plain input.
PRICES = {"small": (0.25, 2.0), "middle": (2.0, 10.0), "large": (5.0, 25.0)}
READ_PRICE = 0.1
RETRY_SHARE = 0.012
TENANTS = 14


@dataclass(frozen=True)
class Feature:
    """Requests a day of all tenants, tokens of a request, and where its calls go."""

    feature_id: str
    requests: float
    input_tokens: float
    output_tokens: float
    cache_hit_rate: float
    reasoning_ratio: float
    calls_per_task: float
    weekdays: Floats
    models: Mapping[str, float]


FEATURES = (
    Feature("assistant", 9000, 3000, 350, 0.45, 0.5, 3, OFFICE, {"middle": 0.8, "large": 0.2}),
    Feature("code_agent", 1500, 60_000, 600, 0.85, 1.2, 12, OFFICE, {"middle": 0.7, "large": 0.3}),
    Feature("doc_qa", 4000, 9000, 250, 0.35, 0.4, 2, OFFICE, {"small": 0.6, "middle": 0.4}),
    Feature("extraction", 12_000, 2500, 150, 0.20, 0.3, 1, FLAT, {"small": 0.9, "middle": 0.1}),
    Feature("report_writer", 700, 12_000, 2500, 0.30, 2.5, 4, OFFICE, {"middle": 0.5, "large": 0.5}),
)


@dataclass(frozen=True)
class Incident:
    """One injected incident: what it is, of whom, and its first and last day."""

    incident: str
    kind: str
    scope: str
    scope_id: str
    shape: str
    quantity: str
    factor: float
    first: int
    last: int

    def strength(self) -> Floats:
        """1 on usual days, else the factor; a ramp comes to it evenly, a weekend lasts Saturday and Sunday."""
        factors = np.ones(DAYS)
        days = np.arange(self.first, self.last + 1)
        steps = np.arange(1, len(days) + 1) / len(days) if self.shape == "ramp" else np.ones(len(days))
        factors[days] = 1 + (self.factor - 1) * steps
        return factors

    def holds(self, tenant: str, feature: str, key: str) -> bool:
        return self.scope_id == {"tenant": tenant, "feature": feature, "key": key}[self.scope]


def injected() -> list[dict[str, str]]:
    with (Path(__file__).parent / "incidents.csv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def plan(seed: int) -> list[Incident]:
    """Six incidents drawn for the seed, of tenants, features and keys that cost enough to matter."""
    rng = np.random.default_rng([seed, 1])
    quiet = cells(seed, [])
    rows = injected()
    drawn = rng.choice(len(rows), INCIDENTS, replace=False)
    result = []
    for place, row in enumerate(rows[int(n)] for n in drawn):
        first = FIRST_INCIDENT + EVERY_DAYS * place + int(rng.integers(0, 3))
        if row["shape"] == "weekend":
            first += (5 - first) % 7 - (7 if first % 7 > 5 or (5 - first) % 7 > 3 else 0)
        ids = _large(quiet, {"tenant": "tenant_id", "feature": "feature_id", "key": "api_key_id"}[row["scope"]])
        last = min(first + int(row["days"]), DAYS) - 1
        result.append(
            Incident(
                row["incident"], row["kind"], row["scope"], ids[int(rng.integers(len(ids)))], row["shape"],
                row["quantity"], float(row["factor"]), first, last,
            )
        )  # fmt: skip
    return result


def _large(frame: pl.DataFrame, column: str) -> list[str]:
    """Those that were there before the first incident and cost enough a day."""
    before = frame.filter(pl.col("usage_date") < FIRST_DAY + timedelta(days=FIRST_INCIDENT))
    daily = before.group_by(column).agg(pl.col("cost_usd").cast(pl.Float64).sum() / FIRST_INCIDENT)
    return sorted(daily.filter(pl.col("cost_usd") >= LARGE_ENOUGH_USD)[column])


def cells(seed: int, incidents: Sequence[Incident]) -> pl.DataFrame:
    """Rows of int_anomaly_cells: one per day, tenant, feature, model and key."""
    frames = []
    days = np.arange(DAYS)
    company = np.random.default_rng([seed, 2])
    # Shared by all: the company's day, and how busy the providers are.
    mood = company.lognormal(0, 0.03, DAYS) * np.where(days == HOLIDAY, HOLIDAY_FACTOR, 1.0) * (1 + 0.35 * days / DAYS)
    trouble = company.gamma(16, 1 / 16, DAYS)
    weights = np.arange(1, TENANTS + 1, dtype=float) ** -1.13
    for rank, weight in enumerate(weights / weights.sum()):
        tenant = f"t{rank:02d}"
        rng = np.random.default_rng([seed, 3, rank])
        growth = np.ones(DAYS)
        if rank == TENANTS // 3:
            growth = np.clip((days - NEW_TENANT_DAY + 1) / NEW_TENANT_DAYS, 0, 1)
        tenant_days = mood * growth * rng.lognormal(0, 0.08, DAYS)
        for feature in FEATURES:
            requests = feature.requests * weight * feature.weekdays[days % 7] * tenant_days
            requests = requests * rng.lognormal(0, 0.10, DAYS)
            for key, part in ((f"{tenant}-a", 0.7), (f"{tenant}-b", 0.3)) if rank < 6 else ((f"{tenant}-a", 1.0),):
                mine = [i for i in incidents if i.holds(tenant, feature.feature_id, key)]
                frames += _key_cells(rng, (tenant, key), feature, requests * part, trouble, mine)
    return pl.concat(frames).filter(pl.col("requests") > 0)


def _key_cells(
    rng: np.random.Generator,
    who: tuple[str, str],
    feature: Feature,
    requests: Floats,
    trouble: Floats,
    incidents: Sequence[Incident],
) -> list[pl.DataFrame]:
    """The rows of one tenant's key and feature, one frame a model."""
    change: dict[str, Floats] = {}
    for incident in incidents:
        change[incident.quantity] = change.get(incident.quantity, 1.0) * incident.strength()
    one = np.ones(DAYS)
    longer = change.get("calls_per_task", one)
    requests = requests * change.get("calls", one) * longer
    tasks_share = 1 / (feature.calls_per_task * longer)
    moved = change.get("dearest_share", one)
    moved = np.where(moved == 1, 0.0, moved)
    dearest = max(feature.models, key=lambda name: PRICES[name])
    frames = []
    for model, share in feature.models.items():
        shares = share * rng.lognormal(0, 0.05, DAYS) * (1 - moved) + (moved if model == dearest else 0)
        calls = rng.poisson(requests * shares).astype(float)
        # The mean of n heavy-tailed counts.
        uneven = np.sqrt(0.04**2 + 1.2**2 / np.maximum(calls, 1))
        prompt = calls * feature.input_tokens * rng.lognormal(0, uneven) * change.get("input", one)
        hit_rate = np.clip(feature.cache_hit_rate * rng.normal(1, 0.04, DAYS), 0, 0.97) * change.get("cache_reads", one)
        text = calls * feature.output_tokens * rng.lognormal(0, uneven)
        ratio = feature.reasoning_ratio * rng.lognormal(0, np.sqrt(0.06**2 + 0.6**2 / np.maximum(calls, 1)))
        thought = text * ratio * change.get("reasoning", one)
        cheaper = np.where((np.arange(DAYS) >= PRICE_CUT_DAY) & (model == "middle"), PRICE_CUT, 1.0)
        input_price, output_price = PRICES[model][0] * cheaper / 1e6, PRICES[model][1] * cheaper / 1e6
        read = prompt * hit_rate
        input_cost = (prompt - read * (1 - READ_PRICE)) * input_price
        served = input_cost + (text + thought) * output_price
        again = rng.poisson(calls * RETRY_SHARE * trouble * change.get("retries", one)) / np.maximum(calls, 1)
        cost = served * (1 + again)
        tasks = rng.poisson(calls * tasks_share)
        frames.append(
            pl.DataFrame(
                {
                    "usage_date": [FIRST_DAY + timedelta(days=d) for d in range(DAYS)],
                    "tenant_id": who[0], "feature_id": feature.feature_id, "model": model, "api_key_id": who[1],
                    "requests": _counts(calls), "input_tokens": _counts(prompt),
                    "cacheable_input_tokens": _counts(prompt), "cache_read_tokens": _counts(read),
                    "output_text_tokens": _counts(text), "reasoning_tokens": _counts(thought),
                    "tasks": _counts(tasks), "cost_usd": _usd(cost), "input_cost_usd": _usd(input_cost),
                    "retry_cost_usd": _usd(served * again), "reasoning_cost_usd": _usd(thought * output_price),
                    "cache_savings_usd": _usd(read * (1 - READ_PRICE) * input_price),
                    "tasks_cost_usd": _usd(cost * np.where(tasks > 0, 1, 0)),
                }
            )
        )  # fmt: skip
    return frames


def _counts(values: Any) -> pl.Series:
    return pl.Series(np.rint(np.asarray(values)).astype(np.int64))


def _usd(values: Floats) -> pl.Series:
    return pl.Series(np.round(values, 6)).cast(pl.Decimal(38, 12))
