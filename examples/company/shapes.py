"""Statistics of real request traces, taken once and kept as constants, and what is drawn from them.

Sources of the constants (no file of theirs is needed here):
- azure_llm_2023, Azure/AzurePublicDataset @b469a11, CC-BY-4.0 (Splitwise, ISCA'24): services `conv` and `code`.
- Mooncake, kvcache-ai/Mooncake @3b5a594, Apache-2.0: conversation trace with prompt block ids.
- agentic coding, callanjfox/kv-cache-tester @94f6046, Apache-2.0: 710 coding-agent sessions.
- ServeGen, alibaba/ServeGen @f891d11, Apache-2.0: request rates of 314 language clients in 600 s windows over 14 days.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LogNormal:
    """Mean and standard deviation of the natural logarithm of a token count."""

    mu: float
    sigma: float


# conv: n 19,366, median 1,020 in and 129 out. code: n 8,819, median 1,469 in and 13 out.
CHAT_IN, CHAT_OUT = LogNormal(6.633, 0.985), LogNormal(5.019, 0.859)
CODE_IN, CODE_OUT = LogNormal(6.999, 1.360), LogNormal(2.788, 0.847)
# Mooncake: n 12,031, median 6,909 in and 350 out; 37 % of prompt tokens were a prefix seen before.
LONG_IN, LONG_OUT = LogNormal(8.737, 1.199), LogNormal(5.336, 1.358)
LONG_PREFIX_SHARE = 0.37
# Agentic coding: n 49,334, median 103,662 in and 216 out, 6.7 % of prompts above 272,000 tokens, 97 % of a prompt
# repeats the one before, 38 output tokens per second of API time.
AGENT_IN, AGENT_OUT = LogNormal(11.492, 0.671), LogNormal(5.565, 0.895)
AGENT_PREFIX_SHARE = 0.97
OUTPUT_TOKENS_PER_SECOND = 38.3
# ServeGen: rate of the 25 largest clients falls with rank to the power -1.13 (first client 29.6 %).
TENANT_RANK_EXPONENT = 1.13
# ServeGen: rate by hour of day, mean 1. One company's users share a time zone, so the curve is made steeper below.
HOURLY_RATE = (
    0.945, 0.918, 0.983, 0.972, 0.900, 0.830, 0.863, 0.969, 0.981, 1.008, 1.110, 1.104,
    0.995, 1.098, 1.058, 0.934, 0.950, 0.992, 0.950, 1.031, 1.185, 1.116, 1.065, 1.041,
)  # fmt: skip
# Made up: ServeGen's clients are worldwide and show no weekend.
OFFICE_HOURS = (
    0.12, 0.10, 0.09, 0.09, 0.12, 0.25, 0.60, 1.10, 1.80, 2.20, 2.25, 2.05,
    1.75, 2.10, 2.20, 2.05, 1.70, 1.20, 0.80, 0.60, 0.50, 0.40, 0.28, 0.18,
)  # fmt: skip
NIGHT_HOURS = (1.0, 3.0, 4.0, 3.0, 1.0) + (0.05,) * 17 + (0.3, 0.6)
WEEKDAYS_OFFICE = (1.12, 1.20, 1.22, 1.18, 1.02, 0.38, 0.32)
WEEKDAYS_FLAT = (1.03, 1.05, 1.05, 1.04, 1.00, 0.93, 0.90)


def random_stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each part, so that a change in one part leaves the others as they were."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def hex_ids(rng: np.random.Generator, count: int, digits: int) -> list[str]:
    """Random ids of so many hexadecimal digits."""
    text = rng.bytes(count * (digits + 1) // 2 + digits).hex()
    return [text[i * digits : (i + 1) * digits] for i in range(count)]


def uuids(rng: np.random.Generator, count: int) -> list[str]:
    """Random ids in the form of a UUID of version 4."""
    return [f"{x[:8]}-{x[8:12]}-4{x[13:16]}-a{x[17:20]}-{x[20:]}" for x in hex_ids(rng, count, 32)]


def pick(rng: np.random.Generator, weights: Floats, count: int) -> Ints:
    """Indices drawn with these weights."""
    return np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(count), side="right").clip(
        0, len(weights) - 1
    )


def lengths(rng: np.random.Generator, shape: LogNormal, factor: float, group: Ints) -> Floats:
    """Token counts of `shape`; calls of one group are alike (64 % of the variance lies between groups)."""
    between = rng.standard_normal(int(group.max(initial=-1)) + 1)[group]
    within = rng.standard_normal(len(group))
    result: Floats = np.exp(shape.mu + shape.sigma * (0.8 * between + 0.6 * within)) * factor
    return result


def seconds_of_day(rng: np.random.Generator, hourly: tuple[float, ...], count: int) -> Floats:
    """Seconds since midnight that follow an hourly curve."""
    hours = pick(rng, np.array(hourly), count)
    result: Floats = (hours + rng.random(count)) * 3600.0
    return result
