"""The requests of each trace in one shape, with nothing in it that the trace does not record but a first moment.

Token counts are never touched. What a gateway log has beside these columns is invented in gateway.py.
"""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

# Two traces count from their own start and tell no date. Theirs is this Monday; sessions start STEP_S apart.
INVENTED_START = datetime(2026, 2, 9, tzinfo=UTC)
INVENTED_STEP_S = 1700
INVENTED = "invented-"
FILES = {
    "agentic_coding": "agentic_coding/requests.parquet",
    "azure_llm_2023": "azure_llm_2023/azure_llm_2023.parquet",
    "mooncake": "mooncake/conversation_trace.parquet",
}
_START_US = int(INVENTED_START.timestamp()) * 1_000_000


class TraceError(Exception):
    """A trace is not where it should be."""


def read(traces: Path) -> pl.DataFrame:
    """Every request of every trace: trace, provider, model, session, agent, start, first token, end, tokens."""
    missing = [file for file in FILES.values() if not (traces / file).is_file()]
    if missing:
        raise TraceError(f"{traces} has no {', '.join(missing)}")
    readers = {"agentic_coding": _agentic_coding, "azure_llm_2023": _azure, "mooncake": _mooncake}
    return pl.concat(
        _common(trace, reader(pl.read_parquet(traces / FILES[trace]))) for trace, reader in readers.items()
    )


def _common(trace: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_row_index("row", 1).select(
        pl.lit(trace).alias("trace"),
        pl.col("row").cast(pl.Int64),
        pl.col("provider", "model", "session", "agent").cast(pl.String),
        pl.col("started_us", "first_token_us", "ended_us", "input_tokens", "output_tokens").cast(pl.Int64),
    )


def _agentic_coding(frame: pl.DataFrame) -> pl.DataFrame:
    number = pl.col("trace_id").str.strip_prefix("trace_").cast(pl.Int64)
    started = _START_US + number * INVENTED_STEP_S * 1_000_000 + _microseconds("t_s")
    first_token = pl.col("other_json").str.json_path_match("$.ttft").cast(pl.Float64).alias("ttft")
    return frame.with_columns(first_token).select(
        # The ids are those of Anthropic's own API; who really served them is not recorded.
        pl.lit("anthropic").alias("provider"),
        "model",
        pl.col("trace_id").alias("session"),
        pl.col("agent_id").alias("agent"),
        started.alias("started_us"),
        (started + _microseconds("ttft")).alias("first_token_us"),
        (started + _microseconds("api_time_s")).alias("ended_us"),
        "input_tokens",
        "output_tokens",
    )


def _azure(frame: pl.DataFrame) -> pl.DataFrame:
    """Absolute times, but neither model nor end of a request."""
    return _without_end(
        frame,
        provider=pl.lit(f"{INVENTED}azure"),
        model=pl.format(f"{INVENTED}azure-{{}}-model", "workload"),
        started=pl.col("ts_utc").dt.epoch("us"),
    )


def _mooncake(frame: pl.DataFrame) -> pl.DataFrame:
    """Relative times, neither model nor end of a request."""
    return _without_end(
        frame,
        provider=pl.lit(f"{INVENTED}mooncake"),
        model=pl.lit(f"{INVENTED}mooncake-model"),
        started=_START_US + pl.col("timestamp_ms") * 1000,
    )


def _without_end(frame: pl.DataFrame, provider: pl.Expr, model: pl.Expr, started: pl.Expr) -> pl.DataFrame:
    return frame.select(
        provider.alias("provider"),
        model.alias("model"),
        pl.lit(None).alias("session"),
        pl.lit(None).alias("agent"),
        started.alias("started_us"),
        pl.lit(None).alias("first_token_us"),
        pl.lit(None).alias("ended_us"),
        "input_tokens",
        "output_tokens",
    )


def _microseconds(seconds: str) -> pl.Expr:
    return (pl.col(seconds) * 1_000_000).round().cast(pl.Int64)
