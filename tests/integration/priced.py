"""Literal calls through the pipeline's own price tables and the SQL of `int_usage_priced`, in DuckDB."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import polars as pl

from sources.pricing.book import UNKNOWN_REGION
from sources.pricing.entries import PriceEntry
from sources.pricing.resolve import Key, resolve_prices
from sources.settings.models import Contract, ContractTerm

READ = ("int_usage_events", "stg_pricing__price_keys", "stg_pricing__price_sets")
INPUTS = (
    "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "input_audio_tokens", "input_image_tokens",
)  # fmt: skip
OUTPUTS = ("output_text_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")
# What dbt makes of its own macro for DuckDB.
DBT = SimpleNamespace(datediff=lambda first, second, part: f"date_diff('{part}', {first}, {second})")
MACROS = Path(__file__).parents[2] / "dbt_project/macros"
# Units besides tokens.
UNITS = (
    "searches", "images", "audio_seconds", "video_seconds", "characters", "pages", "cache_storage_token_hours",
)  # fmt: skip
COUNTS = (*INPUTS, *OUTPUTS, *UNITS)
_LAST = (pl.col("usage_date").alias("last_date"), pl.col("region"))


def price_calls(
    calls: Sequence[Mapping[str, Any]],
    contracts: Sequence[Contract] = (),
    entries: Sequence[PriceEntry] | None = None,
    terms: Sequence[ContractTerm] = (),
) -> list[tuple[Decimal | None, str | None]]:
    """What each call costs under the contracts and price entries (None: the project's own), or why it has no price."""
    frame = pl.DataFrame(
        [{**dict.fromkeys(COUNTS, 0), "region": UNKNOWN_REGION, **call} for call in calls], infer_schema_length=None
    ).with_row_index("number")
    events = frame.with_columns(
        pl.col("number").cast(pl.String).alias("response_id"),
        pl.col("started_at").dt.date().alias("usage_date"),
        pl.col("audio_seconds", "video_seconds", "cache_storage_token_hours").cast(pl.Decimal(18, 6)),
        pl.sum_horizontal(INPUTS).alias("total_input_tokens"),
        pl.sum_horizontal(OUTPUTS).alias("total_output_tokens"),
        pl.lit("direct").alias("host"),
        pl.lit("chat").alias("operation"),
        pl.lit(None, pl.Decimal(26, 12)).alias("reported_cost_usd"),
        pl.lit("billed").alias("billing_status"),
    )
    names = ["service_provider", "host", "model_id", "service_tier", "usage_date"]
    keys = [Key(*row) for row in events.select(*names, *_LAST).unique().rows()]
    prices = resolve_prices(keys, contracts=contracts, entries=entries, terms=terms)
    with duckdb.connect() as connection:
        connection.register("int_usage_events", events.to_arrow())
        connection.register("stg_pricing__price_keys", prices.price_keys.to_arrow())
        connection.register("stg_pricing__price_sets", prices.price_sets.to_arrow())
        rows = connection.execute(
            f"select contracted_cost_usd, unpriced_reason, number from ({pricing_sql(str)}) order by number"
        ).fetchall()
    assert [number for *_, number in rows] == list(range(len(calls)))
    return [(cost, reason) for cost, reason, _ in rows]


def pricing_sql(ref: Callable[[str], str]) -> str:
    """`int_usage_priced` as dbt compiles it for DuckDB; `ref` says what its relations are called."""
    calls_priced = _macro(
        "usage/calls_priced",
        "calls_priced",
        dbt=DBT,
        divide_exact=_macro("divide_exact", "duckdb__divide_exact"),
        usd_from_millionths=_macro("usd_from_millionths", "usd_from_millionths"),
    )
    return str(calls_priced(*(ref(name) for name in READ)))


def _macro(file: str, name: str, **known: Any) -> Any:
    template = jinja2.Template((MACROS / f"{file}.sql").read_text(encoding="utf-8"))
    return getattr(template.make_module(known), name)
