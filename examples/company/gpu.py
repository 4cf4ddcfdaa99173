"""The rented GPU node: how busy each GPU was, what that cost, and which call used it.

A sample at time t stands for the step from t on. Busy shares are whole ten-thousandths, so busy money is a whole number
of pico-dollars. The telemetry's text is written in `telemetry`.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl

from examples.company import story
from examples.company.catalog import DAYS, GPUS, LLAMA, START_MS, STEP_SECONDS, USD_PER_GPU_HOUR, WEIGHTS
from examples.company.prices import PICO
from examples.company.shapes import OFFICE_HOURS, WEEKDAYS_OFFICE, Ints, random_stream

HOURS = DAYS * 24
HOUR_MS = 3_600_000
HOURLY_PICO = int(Decimal(USD_PER_GPU_HOUR) * PICO)
# Weights in tenths, so that they are whole numbers.
WEIGHT_TENTHS = {name: int(Decimal(weight) * 10) for name, weight in WEIGHTS.items()}
GPU_UUIDS = tuple(f"GPU-5d1c7e{n}0-8a41-4f0e-9b62-c0ffee00000{n}" for n in range(GPUS))


@dataclass(frozen=True)
class Node:
    """Busy ten-thousandths of each GPU at each sample (samples x GPUs), and which samples were scraped."""

    busy: Ints
    is_scraped: np.typing.NDArray[np.bool_]
    step_seconds: int = STEP_SECONDS

    @property
    def step_ms(self) -> int:
        return self.step_seconds * 1000

    @property
    def samples_per_hour(self) -> int:
        return 3600 // self.step_seconds

    @property
    def pico_per_busy_unit(self) -> int:
        """Money of one ten-thousandth of one sample of one GPU."""
        result, rest = divmod(HOURLY_PICO, self.samples_per_hour * 10_000)
        assert rest == 0
        return result

    @property
    def hourly_busy(self) -> Ints:
        """Busy units of each hour and GPU, as the written telemetry gives them (hours x GPUs)."""
        seen = np.where(self.is_scraped, self.busy, 0)
        result: Ints = seen.reshape(HOURS, self.samples_per_hour, GPUS).sum(axis=1)
        return result

    @property
    def sample_ms(self) -> Ints:
        return START_MS + np.arange(HOURS * self.samples_per_hour) * self.step_ms


def node(seed: int, calls: pl.DataFrame, step_seconds: int) -> Node:
    """The node's load: a curve of its own, nothing in hours without a call."""
    rng = random_stream(seed, "gpu")
    per_hour = 3600 // step_seconds
    samples = HOURS * per_hour
    hour = np.arange(samples) // per_hour
    curve = np.array(OFFICE_HOURS)[hour % 24] * np.array(WEEKDAYS_OFFICE)[hour // 24 % 7]
    load = curve[:, None] * 0.26 * rng.lognormal(0, 0.45, (samples, 1)) * rng.normal(1, 0.06, (samples, GPUS))
    busy = (load * 10_000).astype(np.int64).clip(20, 9_700)
    used = np.zeros(HOURS, bool)
    used[_hour_of(served(calls))] = True
    time = START_MS + np.arange(samples) * step_seconds * 1000
    scraped = np.ones((samples, GPUS), bool)
    scraped[(time >= story.GAP_FROM_MS) & (time < story.GAP_TO_MS), story.GAP_GPU] = False
    return Node(busy * used[hour][:, None], scraped, step_seconds)


def served(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls that ran on the node."""
    return calls.filter((pl.col("model") == LLAMA) & (pl.col("billing") == "billed"))


def _hour_of(calls: pl.DataFrame) -> Ints:
    result: Ints = (calls["started_ms"].to_numpy() - START_MS) // HOUR_MS
    return result


def call_costs(node: Node, calls: pl.DataFrame) -> Ints:
    """Busy money of each hour shared over the calls that started in it by weighted tokens, to the last pico-dollar.

    Calls that did not run on the node get 0. What is left after rounding down goes to the largest remainders.
    """
    on_node = ((pl.col("model") == LLAMA) & (pl.col("billing") == "billed")).alias("on_node")
    rows = np.flatnonzero(calls.select(on_node)["on_node"].to_numpy())
    part = calls[rows]
    hour = _hour_of(part)
    weight = (
        part["input_uncached_tokens"].to_numpy() * WEIGHT_TENTHS["input"]
        + part["cache_read_tokens"].to_numpy() * WEIGHT_TENTHS["cache_read"]
        + (part["output_text_tokens"].to_numpy() + part["reasoning_tokens"].to_numpy()) * WEIGHT_TENTHS["output"]
    )
    money = node.hourly_busy.sum(axis=1) * node.pico_per_busy_unit
    cost: Ints = np.zeros(calls.height, np.int64)
    cost[rows] = _shared(money, hour, weight)
    return cost


def _shared(money: Ints, group: Ints, weight: Ints) -> Ints:
    """Split each group's money by weight; money x weight passes 64 bits, so Python integers do the products."""
    total = np.bincount(group, weights=weight, minlength=len(money)).astype(np.int64)
    floor, remainder = np.zeros(len(group), np.int64), np.zeros(len(group), np.int64)
    for index, (amount, own, whole) in enumerate(
        zip(money[group].tolist(), weight.tolist(), total[group].tolist(), strict=True)
    ):
        floor[index], remainder[index] = divmod(amount * own, whole)
    given = np.zeros(len(money), np.int64)
    np.add.at(given, group, floor)
    order = np.lexsort((np.arange(len(group)), -remainder, group))
    first = np.searchsorted(group[order], group[order], side="left")
    rank = np.arange(len(group)) - first
    floor[order] += rank < (money - given)[group[order]]
    return floor


def hours_table(node: Node) -> pl.DataFrame:
    """Truth per hour and GPU; money as pico-dollars."""
    units = node.hourly_busy
    covered = node.is_scraped.reshape(HOURS, node.samples_per_hour, GPUS).sum(axis=1) * node.step_seconds
    count = HOURS * GPUS
    return pl.DataFrame(
        {
            "hour_ms": np.repeat(START_MS + np.arange(HOURS) * HOUR_MS, GPUS),
            "gpu": np.tile(np.arange(GPUS), HOURS),
            "provisioned_seconds": np.full(count, 3600),
            "covered_seconds": covered.reshape(-1),
            "busy_units": units.reshape(-1),
            "cost_pico": np.full(count, HOURLY_PICO),
            "busy_pico": units.reshape(-1) * node.pico_per_busy_unit,
        }
    )
