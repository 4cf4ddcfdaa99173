"""Pricing alone: the SQL of `int_usage_priced` as dbt compiled it, beside genai-prices' own loop over some calls.

The calls lie in a table in memory with the columns that decide a price, and the priced rows are only added up: reading,
attributing and writing calls are in the other stages.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
from genai_prices import Usage, calc_price

from assets.pricing import CALL_COLUMNS, pricing_sql

REPEATS = 5
# genai-prices takes about a second for these.
LOOP_CALLS = 5_000
_TOTALS = "select count(contracted_cost_usd), sum(list_cost_usd), sum(contracted_cost_usd) from"


def price(warehouse: Path, timed: Callable[[Callable[[], object]], float]) -> dict[str, object]:
    """Calls and CPU seconds of both ways; ValueError where they disagree on what the calls cost."""
    sql = pricing_sql(warehouse, "calls", "temp.main.price_keys", "temp.main.price_sets")
    with duckdb.connect(str(warehouse / "build.duckdb"), read_only=True) as connection:
        connection.execute("set threads = 1; set enable_progress_bar = false; set timezone = 'UTC'")
        connection.execute(f"attach '{warehouse / 'work.duckdb'}' as work (read_only)")
        connection.execute(
            f"create temp table calls as select {', '.join(CALL_COLUMNS)} from work.main.int_usage_events"
        )
        for table in ("price_keys", "price_sets"):
            connection.execute(f"create temp table {table} as from work.main.stg_pricing__{table}")
        query = f"{_TOTALS} ({sql})"
        seconds = [timed(lambda: connection.execute(query).fetchall()) for _ in range(REPEATS)]
        [(calls,)] = connection.execute("select count(*) from calls").fetchall()
        [(priced, *_)] = connection.execute(query).fetchall()
        if priced != calls:
            raise ValueError(f"{calls - priced} of {calls} calls have no price")
        return {"calls": calls, "cpu": seconds, **_loop(connection, sql, timed)}


def _loop(
    connection: duckdb.DuckDBPyConnection, sql: str, timed: Callable[[Callable[[], object]], float]
) -> dict[str, object]:
    """The first calls through genai-prices, one by one, as its documentation shows."""
    sample = f"from calls order by response_id limit {LOOP_CALLS}"
    rows = connection.execute(f"""
        select
            model_id, service_provider, started_at, total_input_tokens, total_output_tokens, cache_read_tokens
        {sample}""").fetchall()
    [(expected,)] = connection.execute(
        f"select sum(list_cost_usd) from ({sql}) where response_id in (select response_id {sample})"
    ).fetchall()
    total = Decimal(0)

    def loop() -> None:
        nonlocal total
        for model, provider, moment, tokens_in, tokens_out, read in rows:
            usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out, cache_read_tokens=read)
            total += calc_price(
                usage, model_ref=model, provider_id=provider, genai_request_timestamp=moment
            ).total_price

    seconds = timed(loop)
    if total != expected:
        raise ValueError(f"genai-prices gets {total} USD for {len(rows)} calls, int_usage_priced {expected}")
    return {"loop_calls": len(rows), "loop_cpu": seconds}
