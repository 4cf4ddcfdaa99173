"""Made gateway logs: LiteLLM_SpendLogs rows of about 1.3 kB, a week in one file, the same on every machine.

One file, because the yardstick is a scan of it: DuckDB 2.0.0 takes 0.3 CPU s longer for each further file in a scan, so
that 100,000 rows in seven files take 2.1 s against 0.3 s in one: a yardstick several times too long.

All the fields LiteLLM writes are there; of metadata what it writes for every call, without the price map it repeats in
each row. The mix (tenants, models, lengths, retries) is plausible, nothing more: it is there to be read.
"""

import gzip
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FIRST_DAY = date(2026, 11, 9)
DAYS = 7
CHUNK = 50_000
TENANTS = [f"tenant-{number:02}" for number in range(1, 41)]
FEATURES = ["answers", "search", "summary", "triage", "writer", "agent"]
# Model as called, gateway's provider name; all have public prices.
MODELS = [
    ("gpt-5-nano-2025-08-07", "openai"),
    ("gpt-5.4-mini", "openai"),
    ("claude-sonnet-4-6", "anthropic"),
    ("claude-haiku-4-5-20251001", "anthropic"),
]
_RETRIED = 0.02
SPANS_PER_LINE = 20
_STAMP = "%Y-%m-%d %H:%M:%S%.6f+00:00"


def write_home(home: Path, rows: int, *, zipped: bool) -> int:
    """A home with settings and `rows` log rows in landing; the bytes of the plain rows."""
    write_settings(home / "config")
    folder = home / "landing" / "litellm" / "spend_logs"
    folder.mkdir(parents=True)
    path = folder / f"spend_logs_{FIRST_DAY}.ndjson"
    with gzip.GzipFile(f"{path}.gz", "wb", 4, mtime=0) if zipped else path.open("wb") as file:
        return sum(file.write(chunk) for chunk in lines(rows))


def write_nested(home: Path, feed: str, rows: int) -> int:
    """A home with `rows` of the same calls as spans or observations in landing; the bytes of the file."""
    write_settings(home / "config")
    table, make = NESTED[feed]
    folder = home / "landing" / feed / table
    folder.mkdir(parents=True)
    with (folder / f"{table}_{FIRST_DAY}.jsonl").open("wb") as file:
        return sum(file.write(make(values)) for values in _calls(rows))


def lines(rows: int) -> Iterator[bytes]:
    """The rows in the order of time, in chunks of whole lines."""
    for values in _calls(rows):
        yield log_rows(values).write_ndjson().encode()


def _calls(rows: int) -> Iterator[pl.DataFrame]:
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        in_day = rows // DAYS + (number < rows % DAYS)
        for start in range(0, in_day, CHUNK):
            yield values_of(day, start, min(CHUNK, in_day - start), in_day)


def values_of(day: date, start: int, count: int, in_day: int) -> pl.DataFrame:
    """What varies from call to call."""
    rng = np.random.default_rng([day.toordinal(), start])
    place = np.arange(start, start + count)
    model = rng.integers(0, len(MODELS), count)
    tenant = (rng.random(count) ** 2 * len(TENANTS)).astype(np.int64)
    prompt = np.minimum(rng.lognormal(7.5, 1.2, count), 190_000).astype(np.int64) + 1
    completion = np.minimum(rng.lognormal(5.2, 1.0, count), 16_000).astype(np.int64) + 1
    started = (place + rng.random(count)) * (86_400_000 / in_day)
    duration = (300 + completion * 9 * (0.5 + rng.random(count))).astype(np.int64)
    midnight = pl.lit(day).cast(pl.Datetime("ms")).dt.epoch("ms")
    numbers = pl.DataFrame(
        {
            "started": started.astype(np.int64), "duration": duration, "prompt": prompt, "completion": completion,
            "read": (prompt * np.maximum(0, rng.random(count) * 1.6 - 0.8)).astype(np.int64),
            "reasoning": (completion * np.maximum(0, rng.random(count) - 0.5)).astype(np.int64),
            "user": rng.integers(0, 20_000, count), "task": (start + np.arange(count)) // 3,
        }
    )  # fmt: skip
    trace = _ids("trace", rng, count)
    return numbers.with_columns(
        pl.col("started") + midnight,
        pl.Series("tenant", TENANTS).gather(tenant).alias("tenant"),
        pl.Series("feature", FEATURES).gather(rng.integers(0, len(FEATURES), count)).alias("feature"),
        pl.Series("model", [name for name, _ in MODELS]).gather(model).alias("model"),
        pl.Series("provider", [name for _, name in MODELS]).gather(model).alias("provider"),
        _ids("response", rng, count),
        _ids("call", rng, count),
        # The second of two attempts carries the trace id of the first.
        pl.when(pl.Series(rng.random(count) < _RETRIED))
        .then(trace.shift(1, fill_value=trace[0]))
        .otherwise(trace)
        .alias("trace"),
    )


def _ids(name: str, rng: np.random.Generator, count: int) -> pl.Series:
    text = rng.bytes(16 * count).hex()
    return pl.Series(name, [text[at : at + 32] for at in range(0, len(text), 32)])


def log_rows(values: pl.DataFrame) -> pl.DataFrame:
    ended = pl.col("started") + pl.col("duration")
    moments = {
        "startTime": pl.col("started"),
        "endTime": ended,
        "completionStartTime": pl.col("started") + pl.col("duration") // 4,
    }
    stamps = {name: pl.from_epoch(moment, time_unit="ms").dt.strftime(_STAMP) for name, moment in moments.items()}
    empty = pl.lit("")
    return values.select(
        request_id=pl.format("chatcmpl-{}", "response"), call_type=pl.lit("acompletion"),
        api_key=pl.format("{}{}", _key(), _key()), cache_hit=pl.lit("None"), **stamps, model="model", user=empty,
        team_id=pl.format("team-{}", "tenant"), organization_id=empty, metadata=_metadata().struct.json_encode(),
        cache_key=pl.lit("Cache OFF"), spend=(pl.col("prompt") + 5 * pl.col("completion")) / 1_000_000,
        total_tokens=pl.col("prompt") + pl.col("completion"), prompt_tokens="prompt", completion_tokens="completion",
        request_tags=pl.lit("[]"), end_user=pl.format("u-{}", "user"), api_base=empty, model_group="model",
        model_id=empty, mcp_namespaced_tool_name=None, agent_id=None, billing_agent_id=None,
        requester_ip_address=None, custom_llm_provider="provider", messages=pl.lit("{}"), response=pl.lit("{}"),
        proxy_server_request=pl.lit("{}"), session_id="trace", request_duration_ms="duration",
        status=pl.lit("success"), litellm_call_id="call",
    )  # fmt: skip


def _key() -> pl.Expr:
    """Half a key hash: one key a tenant."""
    return pl.col("tenant").str.slice(7).str.pad_start(32, "c")


def _metadata() -> pl.Expr:
    usage = pl.struct(
        prompt_tokens="prompt",
        completion_tokens="completion",
        prompt_tokens_details=pl.struct(cached_tokens="read", audio_tokens=pl.lit(0)),
        completion_tokens_details=pl.struct(reasoning_tokens="reasoning"),
    )
    caller = pl.struct(tenant="tenant", feature="feature", task_id=pl.format("t{}", "task"), environment=pl.lit("prod"))
    return pl.struct(status=None, usage_object=usage, spend_logs_metadata=caller, error_information=None)


def _spans(values: pl.DataFrame) -> bytes:
    """OTLP as a collector writes it: a batch of spans a line, attributes as lists of keys and values."""

    def attribute(key: str, kind: str, value: pl.Expr) -> pl.Expr:
        text, null = value.cast(pl.String), pl.lit(None)
        kinds = [(text if name == kind else null).alias(name) for name in ("stringValue", "intValue")]
        return pl.struct(key=pl.lit(key), value=pl.struct(kinds))

    texts = {
        "gen_ai.operation.name": pl.lit("chat"), "gen_ai.provider.name": pl.col("provider"),
        "gen_ai.request.model": pl.col("model"), "gen_ai.response.model": pl.col("model"),
        "gen_ai.response.id": pl.format("chatcmpl-{}", "response"), "inferledger.tenant": pl.col("tenant"),
        "inferledger.feature": pl.col("feature"), "inferledger.task_id": pl.format("t{}", "task"),
        "server.address": pl.lit("api.example.com"), "gen_ai.conversation.id": pl.col("trace"),
    }  # fmt: skip
    counts = {
        "gen_ai.usage.input_tokens": "prompt", "gen_ai.usage.output_tokens": "completion",
        "gen_ai.usage.cache_read.input_tokens": "read", "gen_ai.usage.reasoning.output_tokens": "reasoning",
    }  # fmt: skip
    attributes = [attribute(key, "stringValue", value) for key, value in texts.items()]
    attributes += [attribute(key, "intValue", pl.col(name)) for key, name in counts.items()]
    nanoseconds = pl.col("started") * 1_000_000
    spans = values.select(
        span=pl.struct(
            traceId="trace", spanId=pl.col("call").str.slice(0, 16), name=pl.format("chat {}", "model"),
            kind=pl.lit(3), startTimeUnixNano=nanoseconds.cast(pl.String),
            endTimeUnixNano=(nanoseconds + pl.col("duration") * 1_000_000).cast(pl.String),
            attributes=pl.concat_list(attributes), status=pl.struct(code=pl.lit(0)),
        ),
        batch=pl.int_range(pl.len()) // SPANS_PER_LINE,
    )  # fmt: skip
    resource = attribute("service.name", "stringValue", pl.lit("gateway"))
    scope = pl.struct(scope=pl.struct(name=pl.lit("gateway")), spans="span")
    one = pl.struct(resource=pl.struct(attributes=pl.concat_list(resource)), scopeSpans=pl.concat_list(scope))
    batches = spans.group_by("batch", maintain_order=True).agg("span")
    text = batches.select(resourceSpans=pl.concat_list(one)).write_ndjson().encode()
    # A value has one of the two.
    return text.replace(b',"intValue":null', b"").replace(b'"stringValue":null,', b"")


def _observations(values: pl.DataFrame) -> bytes:
    """Langfuse's export of observations, prompts and answers left out."""
    moments = {"start_time": pl.col("started"), "end_time": pl.col("started") + pl.col("duration")}
    stamps = {name: pl.from_epoch(at, time_unit="ms").dt.strftime(_STAMP) for name, at in moments.items()}
    usage: dict[str, pl.Expr] = {
        "input": pl.col("prompt") - pl.col("read"), "input_cached_tokens": pl.col("read"),
        "output": pl.col("completion") - pl.col("reasoning"), "output_reasoning_tokens": pl.col("reasoning"),
        "total": pl.col("prompt") + pl.col("completion"),
    }  # fmt: skip
    caller = ("tenant", "feature", "provider")
    empty, details = pl.lit(""), pl.struct(value.alias(name) for name, value in usage.items())
    return (
        values.select(
            id="response", trace_id="trace", project_id=pl.lit("project-1"), environment=pl.lit("prod"),
            type=pl.lit("GENERATION"), parent_observation_id=None, **stamps, name=pl.lit("chat"),
            metadata=pl.struct(*caller, pl.format("t{}", "task").alias("task_id")), level=pl.lit("DEFAULT"),
            status_message=empty, version=pl.lit("r1"), input=empty, output=empty, provided_model_name="model",
            model_parameters=pl.lit('{"temperature": 0.2, "max_tokens": 4096}'), usage_details=details,
            cost_details=pl.struct(total=pl.lit(0.0012)), completion_start_time=stamps["start_time"],
            prompt_name=None, prompt_version=None, total_cost=pl.lit(0.0012), latency=pl.col("duration") / 1000,
            time_to_first_token=pl.lit(0.3), model_id="call", created_at=stamps["end_time"],
            updated_at=stamps["end_time"], prompt_id=None, tool_calls=pl.lit("[]"), tool_call_names=pl.lit("[]"),
        )
        .write_ndjson()
        .encode()
    )  # fmt: skip


# Feed -> its table and what makes its lines of calls.
NESTED = {"otel": ("spans", _spans), "langfuse": ("observations", _observations)}


def write_settings(config: Path) -> None:
    config.mkdir(parents=True)
    files = {
        "inferledger.yml": ["company: Benchmark"],
        "tenants.csv": ["tenant_id,tenant_name,plan", *(f"{name},{name.title()},team" for name in TENANTS)],
        "features.csv": [
            "feature_id,feature_name,product_id,product_name",
            *(f"{name},{name.title()},product,Product" for name in FEATURES),
        ],
        "billing_accounts.csv": [
            "service_provider,billing_account_id,gateway,gateway_provider",
            *(f"{name},account-{name},litellm,{name}" for name in sorted({name for _, name in MODELS})),
        ],
        "hash_key": ["benchmark"],
    }
    for name, content in files.items():
        (config / name).write_text("\n".join(content) + "\n")
