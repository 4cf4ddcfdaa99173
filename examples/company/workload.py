"""The work people asked for: tasks, requests and their tokens. What goes wrong with them comes later, in `mishaps`."""

from collections.abc import Callable

import numpy as np
import polars as pl

from examples.company import story
from examples.company.catalog import (
    DAYS,
    END_MS,
    FEATURES,
    FIRST_DAY,
    LLAMA,
    LLAMA_STAND_IN,
    MODEL_BY_NAME,
    PLAN_PRODUCTS,
    START_MS,
    TENANTS,
    UNATTRIBUTED,
    Cache,
    Feature,
    epoch_ms,
)
from examples.company.shapes import LONG_IN, LONG_OUT, Ints, lengths, pick, random_stream, seconds_of_day
from examples.company.shapes import TENANT_RANK_EXPONENT as RANK_EXPONENT

DAY_MS = 86_400_000
Rng = np.random.Generator
Names = np.typing.NDArray[np.str_]


def requests(seed: int, scale: float) -> pl.DataFrame:
    """One row per logical request, as its last attempt will be; `request` and `task` are numbers."""
    frames = []
    first_request = first_task = 0
    for feature in FEATURES:
        frame = _feature_requests(feature, random_stream(seed, f"workload/{feature.feature_id}"), scale)
        frame = frame.with_columns(
            pl.col("request") + first_request,
            pl.when(pl.col("task") >= 0).then(pl.col("task") + first_task).otherwise(-1).alias("task"),
        )
        first_request += frame.height
        first_task = max(first_task, int(frame["task"].to_numpy().max()) + 1)
        frames.append(frame)
    frames.append(_notebook_calls(random_stream(seed, "workload/notebook"), scale, first_request))
    return pl.concat(frames)


def _feature_requests(feature: Feature, rng: Rng, scale: float) -> pl.DataFrame:
    wanted = max(round(feature.requests * scale), 3)
    mean = feature.calls_per_task or 1.0
    groups = max(round(wanted / mean), 2)
    sizes = rng.geometric(1 / mean, groups).clip(1, 120) if mean > 1 else np.ones(groups, np.int64)
    start = _start_times(feature, rng, groups)
    tenant, environment, user = _callers(feature, rng, groups)
    model = np.array([name for name, _ in feature.models])[
        pick(rng, np.array([share for _, share in feature.models]), groups)
    ]
    row = np.repeat(np.arange(groups), sizes)
    turn = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    gaps = np.where(turn > 0, rng.exponential(feature.gap_seconds * 1000, len(row)) + 4000, 0).astype(np.int64)
    running = np.cumsum(gaps)
    started = start[row] + running - (running - gaps)[np.cumsum(sizes) - sizes][row]
    kept = started < END_MS
    row, turn, started = row[kept], turn[kept], started[kept]
    names = model[row]
    names[_is_idle_weekend(started) & (names == LLAMA)] = LLAMA_STAND_IN.get(feature.feature_id, "")
    tier = _tiers(feature, rng, started)
    frame = pl.DataFrame(
        {
            "request": np.arange(len(row)), "task": row if feature.calls_per_task else np.full(len(row), -1),
            "turn": turn, "started_ms": started, "tenant_id": tenant[row], "environment": environment[row],
            "user": user[row], "model": names, "tier": tier,
        }
    )  # fmt: skip
    return frame.with_columns(
        pl.lit(feature.feature_id).alias("feature_id"),
        pl.lit(feature.product_id).alias("product_id"),
        pl.lit("gateway").alias("route"),
        *_tokens(feature, rng, names, row, turn, _day(started)),
    )


def _start_times(feature: Feature, rng: Rng, count: int) -> Ints:
    days = np.arange(DAYS)
    weights = np.array(feature.weekdays)[days % 7] * (0.85 + 0.35 * days / DAYS)
    midnight = START_MS + pick(rng, weights, count) * DAY_MS
    return midnight + (seconds_of_day(rng, feature.hours, count) * 1000).astype(np.int64)


def _callers(feature: Feature, rng: Rng, count: int) -> tuple[Names, Names, Names]:
    """Tenant, environment and pseudonymous user of each task or request."""
    weights = np.power(np.arange(1, len(TENANTS) + 1, dtype=np.float64), -RANK_EXPONENT)
    weights *= [feature.product_id in PLAN_PRODUCTS[tenant.plan] for tenant in TENANTS]
    index = pick(rng, weights, count)
    tenant = np.array([t.tenant_id for t in TENANTS])[index]
    chance = rng.random(count)
    is_enterprise = np.array([t.plan == "enterprise" for t in TENANTS])[index]
    environment = np.where(is_enterprise & (chance < 0.06), "staging", "prod")
    environment = np.where(is_enterprise & (chance >= 0.96), "eval", environment)
    people = np.array([12 + round(220 * (rank + 1) ** -0.8) for rank in range(len(TENANTS))])[index]
    number = (people * rng.random(count) ** 1.8).astype(np.int64)
    user = np.char.add("u-", np.char.mod("%06x", (index * 7919 + number * 104_729 + 4099) % 0xFFFFFF))
    return tenant, environment, user


def _day(started: Ints) -> Ints:
    return (started - START_MS) // DAY_MS


def _is_idle_weekend(started: Ints) -> np.typing.NDArray[np.bool_]:
    return (started >= epoch_ms(story.IDLE_FROM)) & (started < epoch_ms(story.IDLE_TO))


def _tiers(feature: Feature, rng: Rng, started: Ints) -> Names:
    is_batch = (rng.random(len(started)) < story.BATCH_SHARE) & (started >= epoch_ms(story.BATCH_FROM))
    is_batch &= feature.feature_id == story.BATCH_FEATURE
    return np.where(is_batch, "batch", "standard")


def _tokens(feature: Feature, rng: Rng, model: Names, row: Ints, turn: Ints, day: Ints) -> list[pl.Series]:
    """The disjoint token classes of each request, and its searches."""
    limit = _by_model(model, lambda m: m.context)
    drawn = lengths(rng, feature.prompt, feature.prompt_factor, row)
    prompt: Ints = (drawn * (0.7 + 0.06 * np.minimum(turn, 12))).astype(np.int64).clip(12, limit // 2)
    read, write_5m, write_1h = _cached(feature.cache, rng, model, prompt, turn)
    text = lengths(rng, feature.output, feature.output_factor, row).astype(np.int64).clip(1, 30_000)
    thinks = _by_model(model, lambda m: int(m.reasons))
    thought = (text * feature.reasoning * thinks * rng.lognormal(0, 0.5, len(text))).astype(np.int64).clip(0, 60_000)
    searching = (model == "claude-sonnet-5") & (feature.feature_id == "deep_research") & (rng.random(len(text)) < 0.5)
    grown = np.ones(len(text), np.int64)
    if feature.feature_id == story.PROMPT_FEATURE:
        first, end = ((d - FIRST_DAY).days for d in (story.PROMPT_FROM, story.PROMPT_TO))
        grown[(day >= first) & (day < end)] = story.PROMPT_FACTOR
    return [
        pl.Series("input_uncached_tokens", (prompt - read - write_5m - write_1h) * grown),
        pl.Series("cache_read_tokens", read * grown),
        pl.Series("cache_write_5m_tokens", write_5m * grown),
        pl.Series("cache_write_1h_tokens", write_1h * grown),
        pl.Series("output_text_tokens", text),
        pl.Series("reasoning_tokens", thought),
        pl.Series("searches", np.where(searching, rng.integers(1, 5, len(text)), 0)),
    ]


def _by_model(model: Names, value: Callable[..., int]) -> Ints:
    unique, inverse = np.unique(model, return_inverse=True)
    return np.array([value(MODEL_BY_NAME[str(name)]) for name in unique], dtype=np.int64)[inverse]


def _cached(cache: Cache, rng: Rng, model: Names, prompt: Ints, turn: Ints) -> tuple[Ints, Ints, Ints]:
    """Cache reads and writes, in the steps and above the lengths the providers cache."""
    share = np.where(turn == 0, cache.first, cache.later) * (1 - 0.25 * rng.random(len(prompt)) ** 3)
    step = np.where(model == LLAMA, 16, 128)
    read = (prompt * share).astype(np.int64) // step * step
    read[(prompt < 1024) & (model != LLAMA)] = 0
    writes = _by_model(model, lambda m: int(m.writes_cache)) * (prompt >= 1024)
    write = ((prompt - read) * cache.write * writes * rng.uniform(0.8, 1.0, len(prompt))).astype(np.int64)
    keeps_1h = (rng.random(len(prompt)) < cache.one_hour) & (model != "gpt-5.6-sol")
    return read, np.where(keeps_1h, 0, write), np.where(keeps_1h, write, 0)


def _notebook_calls(rng: Rng, scale: float, first_request: int) -> pl.DataFrame:
    """Calls with keys the gateway never saw: no tenant, no feature, no log line."""
    frames = []
    for name, calls in story.NOTEBOOK_CALLS:
        count = max(round(calls * scale), 4)
        model = LLAMA if name == "llama" else name
        first, end = (
            (story.NOTEBOOK_LLAMA_FROM, story.NOTEBOOK_LLAMA_TO)
            if model == LLAMA
            else (story.NOTEBOOK_FROM, story.NOTEBOOK_TO)
        )
        day = rng.integers(0, (end - first).days, count)
        seconds = rng.uniform(8 * 3600, 19 * 3600, count)
        prompt = lengths(rng, LONG_IN, 1.5, np.arange(count)).astype(np.int64).clip(12, 40_000)
        text = lengths(rng, LONG_OUT, 1.5, np.arange(count)).astype(np.int64).clip(1, 8_000)
        none: Ints = np.zeros(count, np.int64)
        frames.append(
            pl.DataFrame(
                {
                    "request": first_request + np.arange(count), "task": none - 1, "turn": none,
                    "started_ms": epoch_ms(first) + day * DAY_MS + (seconds * 1000).astype(np.int64),
                    "tenant_id": [UNATTRIBUTED] * count, "environment": ["prod"] * count, "user": [""] * count,
                    "model": [model] * count, "tier": ["standard"] * count,
                    "feature_id": [UNATTRIBUTED] * count, "product_id": [UNATTRIBUTED] * count,
                    "route": ["notebook"] * count, "input_uncached_tokens": prompt, "cache_read_tokens": none,
                    "cache_write_5m_tokens": none, "cache_write_1h_tokens": none, "output_text_tokens": text,
                    "reasoning_tokens": none, "searches": none,
                }
            )
        )  # fmt: skip
        first_request += count
    return pl.concat(frames)
