"""What happens to requests on their way: failed attempts, fallbacks, cache hits, lost tags, late and lost logs."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from examples.company import story
from examples.company.catalog import (
    DAYS,
    END_MS,
    FIRST_DAY,
    KEYS,
    LLAMA,
    MODEL_BY_NAME,
    MODELS,
    SHARED_KEY,
    START_MS,
    TENANTS,
    epoch_ms,
)
from examples.company.shapes import OUTPUT_TOKENS_PER_SECOND, Ints, hex_ids, pick, random_stream, uuids
from examples.company.workload import DAY_MS

Bools = np.typing.NDArray[np.bool_]
TOKENS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_text_tokens",
    "reasoning_tokens",
)
LAST_DAY_INDEX = DAYS - 1


def day_index(day: object) -> int:
    """Days since the first one."""
    return int((np.datetime64(str(day)) - np.datetime64(FIRST_DAY)).astype(int))


LOST_DAYS = {day_index(story.MISSING_LOG_DAY): "missing_file", day_index(story.TRUNCATED_LOG_DAY): "truncated_file"}


def attempts(seed: int, requests: pl.DataFrame) -> pl.DataFrame:
    """One row per call attempt, sorted by start: requests with what went wrong before their last attempt."""
    rng = random_stream(seed, "attempts")
    output = requests["output_text_tokens"].to_numpy() + requests["reasoning_tokens"].to_numpy()
    prompt = requests.select(pl.sum_horizontal(TOKENS[:4])).to_series().to_numpy()
    first_token = 180 + prompt / 40 + rng.exponential(250, len(prompt))
    speed = OUTPUT_TOKENS_PER_SECOND * rng.lognormal(0, 0.35, len(prompt))
    latency = np.minimum(first_token + output / speed * 1000, 1_800_000)
    rows = requests.with_columns(
        pl.Series("latency_ms", latency.astype(np.int64)),
        pl.Series("first_token_ms", np.minimum(first_token, latency).astype(np.int64)),
        pl.Series("fate", _fates(rng, requests, prompt)),
        pl.Series("output_share", rng.uniform(0.15, 0.95, len(prompt))),
        pl.Series("is_answered", rng.random(len(prompt)) < 0.5),
    )
    parts = [_finals(rows), *_earlier_attempts(rows)]
    calls = pl.concat(parts).drop("fate", "output_share", "is_answered")
    return calls.with_columns(ended_ms=pl.col("started_ms") + pl.col("latency_ms")).sort(
        "started_ms", "request", "attempt"
    )


def _fates(rng: np.random.Generator, requests: pl.DataFrame, prompt: Ints) -> list[str]:
    """What becomes of each request, at most one thing."""
    chance = rng.random(requests.height)
    model, feature = requests["model"].to_numpy(), requests["feature_id"].to_numpy()
    online = (requests["route"].to_numpy() == "gateway") & (requests["tier"].to_numpy() == "standard")
    started = requests["started_ms"].to_numpy()
    online &= started < END_MS - 2 * 3_600_000
    # nothing may be asked again into the weekend on which the node stood idle
    online &= (started < epoch_ms(story.IDLE_FROM) - 60_000) | (started >= epoch_ms(story.IDLE_FROM))
    can_cache = feature == story.GATEWAY_CACHE_FEATURE
    cheaper = {m.model: MODEL_BY_NAME[m.cheaper].context for m in MODELS if m.cheaper}
    can_fall_back = prompt < np.array([cheaper.get(str(m), 0) for m in model])
    fate = np.full(requests.height, "plain", dtype="<U13")
    edge = 0.0
    for name, share, allowed in (
        ("rate_limited", story.RATE_LIMITED_SHARE, online),
        ("limited_twice", story.RATE_LIMITED_TWICE_SHARE, online),
        ("retry", story.BILLED_RETRY_SHARE, online & (model != LLAMA)),
        ("fallback", story.FALLBACK_SHARE, online & can_fall_back),
        ("failed_last", story.FAILED_LAST_SHARE, online & (model != LLAMA)),
        ("gateway_cache", story.GATEWAY_CACHE_SHARE, online & can_cache),
    ):
        fate[(chance >= edge) & (chance < edge + share) & allowed] = name
        edge += share
    return [str(name) for name in fate]


def _outcome(role: str, status: str, code: str, error: str, billing: str) -> list[pl.Expr]:
    values = (("role", role), ("status", status), ("error_code", code), ("error_class", error), ("billing", billing))
    return [pl.lit(value).alias(name) for name, value in values]


def _finals(rows: pl.DataFrame) -> pl.DataFrame:
    """The last attempt of each request, moved behind the attempts before it."""
    fate = pl.col("fate")
    before = (
        pl.when(fate == "rate_limited").then(1_400)
        .when(fate == "limited_twice").then(4_300)
        .when(fate.is_in(["retry", "fallback"])).then(pl.col("latency_ms") + 700)
        .otherwise(0)
    )  # fmt: skip
    shifted = rows.with_columns(
        started_ms=pl.col("started_ms") + before,
        attempt=pl.when(fate == "limited_twice").then(3)
        .when(fate.is_in(["rate_limited", "retry", "fallback"])).then(2).otherwise(1),
    )  # fmt: skip
    return pl.concat(
        [
            shifted.filter(fate == "failed_last").with_columns(
                *_outcome("failed_last", "failure", "500", "APIConnectionError", "billed"), *_partial_output()
            ),
            shifted.filter(fate == "fallback").with_columns(*_outcome("final", "success", "", "", "billed")).pipe(
                _on_cheaper_model
            ),
            shifted.filter(fate == "gateway_cache").with_columns(
                *_outcome("gateway_cache", "success", "", "", "gateway_cache"),
                pl.lit(18, pl.Int64).alias("latency_ms"),
                pl.lit(18, pl.Int64).alias("first_token_ms"),
            ),
            shifted.filter(~fate.is_in(["failed_last", "fallback", "gateway_cache"])).with_columns(
                *_outcome("final", "success", "", "", "billed")
            ),
        ]
    )  # fmt: skip


def _earlier_attempts(rows: pl.DataFrame) -> Iterable[pl.DataFrame]:
    """Attempts that were superseded: refused ones without tokens, and billed ones."""
    limited = rows.filter(pl.col("fate").is_in(["rate_limited", "limited_twice"]))
    again = rows.filter(pl.col("fate") == "limited_twice")
    for number, (part, wait) in enumerate(((limited, 0), (again, 1_500)), start=1):
        yield part.with_columns(
            *_outcome("rate_limited", "failure", "429", "RateLimitError", "not_billed"),
            *(pl.lit(0, pl.Int64).alias(name) for name in (*TOKENS, "searches", "first_token_ms")),
            pl.lit(240, pl.Int64).alias("latency_ms"),
            pl.lit(number).alias("attempt"),
            started_ms=pl.col("started_ms") + wait,
        ).select(*_columns(rows))
    first = pl.lit(1).alias("attempt")
    retried = pl.col("fate") == "retry"
    yield (
        rows.filter(retried & pl.col("is_answered"))
        .with_columns(*_outcome("retry", "success", "", "", "billed"), first)
        .select(*_columns(rows))
    )
    for condition, role, code, error in (
        (retried & ~pl.col("is_answered"), "retry", "500", "InternalServerError"),
        (pl.col("fate") == "fallback", "fallback", "504", "Timeout"),
    ):
        yield (
            rows.filter(condition)
            .with_columns(*_outcome(role, "failure", code, error, "billed"), first, *_partial_output())
            .select(*_columns(rows))
        )


def _columns(rows: pl.DataFrame) -> list[str]:
    return [*rows.columns, "attempt", "role", "status", "error_code", "error_class", "billing"]


def _partial_output() -> list[pl.Expr]:
    """The answer broke off; what had been written is billed."""
    return [
        ((pl.col(name) * pl.col("output_share")).cast(pl.Int64) + (name == "output_text_tokens")).alias(name)
        for name in ("output_text_tokens", "reasoning_tokens")
    ]


def _on_cheaper_model(rows: pl.DataFrame) -> pl.DataFrame:
    """The same prompt on the cheaper model, whose provider may have no price for writing to its cache."""
    cheaper = {m.model: m.cheaper for m in MODELS if m.cheaper}
    moved = rows.with_columns(pl.col("model").replace_strict(cheaper, return_dtype=pl.String))
    no_writes = ~pl.col("model").is_in([m.model for m in MODELS if m.writes_cache])
    written = pl.col("cache_write_5m_tokens") + pl.col("cache_write_1h_tokens")
    reasons = pl.col("model").is_in([m.model for m in MODELS if m.reasons])
    return moved.with_columns(
        input_uncached_tokens=pl.col("input_uncached_tokens") + pl.when(no_writes).then(written).otherwise(0),
        reasoning_tokens=pl.when(reasons).then(pl.col("reasoning_tokens")).otherwise(0),
        cache_write_5m_tokens=pl.when(no_writes).then(0).otherwise(pl.col("cache_write_5m_tokens")),
        cache_write_1h_tokens=pl.when(no_writes).then(0).otherwise(pl.col("cache_write_1h_tokens")),
        searches=pl.lit(0, pl.Int64),
    )


def identify(seed: int, calls: pl.DataFrame) -> pl.DataFrame:
    """Ids, keys, names as called, and the scope the provider books on."""
    rng = random_stream(seed, "identities")
    count = calls.height
    requests = int(calls["request"].to_numpy().max()) + 1
    call_ids, traces = uuids(rng, count), np.array(uuids(rng, requests))
    suffix = hex_ids(rng, count, 29)
    billing, started = calls["billing"].to_list(), calls["ended_ms"].to_list()
    response = [
        call_id if kind == "not_billed" else f"chatcmpl-{text}" + (f"_cache_hit{ms / 1000}" if kind[0] == "g" else "")
        for call_id, kind, text, ms in zip(call_ids, billing, suffix, started, strict=True)
    ]
    model_id = np.array(calls["model"].to_list(), dtype="<U48")
    for model in MODELS:
        rows = np.flatnonzero(model_id == model.model)
        names = np.array([name for name, _ in model.called_as])
        model_id[rows] = names[pick(rng, np.array([share for _, share in model.called_as]), len(rows))]
    nonprod = pl.col("environment") != "prod"
    return calls.with_columns(
        pl.Series("response_id", response),
        pl.Series("litellm_call_id", call_ids),
        pl.Series("trace_id", traces[calls["request"].to_numpy()]),
        pl.Series("model_id", model_id),
        pl.Series("key_name", _key_names(calls)),
        pl.when((pl.col("route") == "gateway") & nonprod).then(pl.lit("gateway_nonprod"))
        .otherwise(pl.col("route")).alias("scope"),
        pl.col("model").replace_strict({m.model: m.provider for m in MODELS}).alias("service_provider"),
        pl.when(pl.col("task") < 0).then(pl.lit("")).otherwise(pl.format("tsk_{}", pl.col("task"))).alias("task_id"),
        ((pl.col("started_ms") - START_MS) // DAY_MS).alias("day"),
    ).with_columns(prompt_version=_prompt_version())  # fmt: skip


def _prompt_version() -> pl.Expr:
    """Every prompt was revised on 5 October; one grew for a week and was put right."""
    grown, righted = day_index(story.PROMPT_FROM), day_index(story.PROMPT_TO)
    usual = pl.when(pl.col("day") < day_index("2026-10-05")).then(pl.lit("v3")).otherwise(pl.lit("v4"))
    return (
        pl.when(pl.col("feature_id") != story.PROMPT_FEATURE).then(usual)
        .when(pl.col("day") < grown).then(pl.lit("v7"))
        .when(pl.col("day") < righted).then(pl.lit("v8"))
        .otherwise(pl.lit("v9"))
    )  # fmt: skip


def _key_names(calls: pl.DataFrame) -> np.typing.NDArray[np.str_]:
    """The virtual key each gateway call used: the tenant's own on its day, else the shared one."""
    started, tenant = calls["started_ms"].to_numpy(), np.array(calls["tenant_id"].to_list())
    environment = np.array(calls["environment"].to_list())
    names = np.full(calls.height, SHARED_KEY.name, dtype="<U32")
    names[np.array(calls["route"].to_list()) != "gateway"] = ""
    for key in KEYS:
        rows = (tenant == key.tenant_id) & (environment == key.environment) & (started >= epoch_ms(key.valid_from))
        if key.valid_to:
            rows &= started < epoch_ms(key.valid_to)
        names[rows] = key.name
    return names


def log(seed: int, calls: pl.DataFrame) -> pl.DataFrame:
    """What the gateway's log says of each call: which tags, in which day's file, twice or not, readable or not."""
    rng = random_stream(seed, "logging")
    write_day = np.minimum((calls["ended_ms"].to_numpy() - START_MS) // DAY_MS, LAST_DAY_INDEX)
    day, gateway = calls["day"].to_numpy(), calls["route"].to_numpy() == "gateway"
    late = np.zeros(calls.height, bool)
    for event in story.LATE_LOGS:
        rows = (day >= day_index(event.first)) & (day <= day_index(event.last)) & gateway
        rows &= rng.random(calls.height) < event.share
        write_day[rows], late[rows] = day_index(event.written), True
    state = np.where(gateway, "ok", "never").astype("<U32")
    for lost_day, name in LOST_DAYS.items():
        state[gateway & (write_day == lost_day)] = name
    is_answer = calls["billing"].to_numpy() != "not_billed"
    again = _logged_again(rng, write_day, (state == "ok") & is_answer)
    # A cached answer is known by its litellm_call_id, of which a second line has another.
    again[calls["billing"].to_numpy() == "gateway_cache"] = -1
    usual = (state == "ok") & (again < 0) & ~late & (calls["role"].to_numpy() == "final")
    openai = usual & (calls["service_provider"].to_numpy() == "openai")
    for kind in story.MALFORMED:
        rows = rng.choice(np.flatnonzero(openai), max(round(story.MALFORMED_SHARE * calls.height), 3), replace=False)
        state[rows], openai[rows] = kind, False
    return calls.with_columns(
        pl.Series("write_day", write_day),
        pl.Series("is_late", late),
        pl.Series("log_state", state),
        pl.Series("logged_again_day", again),
        pl.Series("tags", _tags(rng, calls)),
    ).with_columns(
        is_logged=pl.col("log_state") == "ok",
        is_tagged=(pl.col("log_state") == "ok") & (pl.col("tags") == "full"),
    )


def _logged_again(rng: np.random.Generator, write_day: Ints, is_readable: Bools) -> Ints:
    """The day whose file holds a second line of the same call, -1 for none."""
    again = np.full(len(write_day), -1, np.int64)
    for share, later in ((story.DUPLICATE_SHARE, 0), (story.DUPLICATE_NEXT_DAY_SHARE, 1)):
        allowed = is_readable & (write_day + later <= LAST_DAY_INDEX) & ~np.isin(write_day + later, list(LOST_DAYS))
        rows = rng.choice(np.flatnonzero(allowed), max(round(share * len(write_day)), 3), replace=False)
        again[rows] = write_day[rows] + later
    return again


def _tags(rng: np.random.Generator, calls: pl.DataFrame) -> list[str]:
    """full, no_tenant or bare; the attempts of one request are tagged alike."""
    request, day = calls["request"].to_numpy(), calls["day"].to_numpy()
    chance = rng.random(int(request.max()) + 1)[request]
    own_key = {t.tenant_id for t in TENANTS if t.has_own_keys} & set(story.UNTAGGED_TENANTS)
    forgot = np.isin(calls["tenant_id"].to_numpy(), sorted(own_key)) & (chance < story.UNTAGGED_SHARE)
    forgot &= (day >= day_index(story.UNTAGGED_FROM)) & (day < day_index(story.UNTAGGED_TO))
    bare = (calls["key_name"].to_numpy() == SHARED_KEY.name) & (chance < story.BARE_SHARE)
    bare &= (day >= day_index(story.BARE_FROM)) & (day < day_index(story.BARE_TO))
    return [str(x) for x in np.where(bare, "bare", np.where(forgot, "no_tenant", "full"))]
