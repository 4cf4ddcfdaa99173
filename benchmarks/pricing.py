"""Pricing alone: the SQL of `int_usage_priced` as dbt compiled it, beside genai-prices' own loop over some calls.

The calls lie in a table in memory with the columns that decide a price, and the priced rows are only added up: reading,
attributing and writing calls are in the other stages. They are the log's calls, spread over everything a price depends
on. The loop takes calls as the log has them, which it must price to the same sum.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
from genai_prices import Usage, calc_price

from assets.pricing import CALL_COLUMNS, pricing_sql
from sources.pricing.resolve import Key, Prices, resolve_prices
from sources.settings.models import Contract, TokenPrices

REPEATS = 5
# genai-prices takes about a second for these.
LOOP_CALLS = 5_000
_TOTALS = "select count(contracted_cost_usd), sum(list_cost_usd), sum(contracted_cost_usd) from"
# Who serves a call: provider, host, region, model, tier. Of these gpt-5.4, sonnet-4-5 and gemini have a price above a
# count of tokens, deepseek one by the time of day, gpt-realtime one of audio, sonnet-4-6 one of its region.
SERVED = (
    ("openai", "direct", "unknown", "gpt-5.4", "standard"),
    ("openai", "direct", "unknown", "gpt-5.4", "batch"),
    ("openai", "direct", "unknown", "gpt-5.4", "flex"),
    ("openai", "direct", "unknown", "gpt-5.4", "priority"),
    ("openai", "direct", "unknown", "gpt-realtime", "standard"),
    ("openai", "direct", "eu", "gpt-5.4-mini", "standard"),
    ("azure", "azure", "unknown", "gpt-5.4-mini", "standard"),
    ("anthropic", "direct", "unknown", "claude-sonnet-4-5", "standard"),
    ("anthropic", "direct", "unknown", "claude-sonnet-4-5", "batch"),
    ("anthropic", "direct", "us", "claude-sonnet-4-6", "standard"),
    ("bedrock", "bedrock", "us-east-1", "anthropic.claude-sonnet-4-5-20250929-v1:0", "standard"),
    ("aws", "bedrock", "us-east-1", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "standard"),
    ("google", "vertex", "unknown", "gemini-2.5-pro", "standard"),
    ("google", "direct", "unknown", "gemini-2.5-pro", "batch"),
    ("deepseek", "direct", "unknown", "deepseek-chat", "standard"),
    ("deepseek", "direct", "unknown", "deepseek-reasoner", "standard"),
)
# Amounts in another currency reach the pricing of calls as these do: resolving prices turns them into USD by the month.
_CONTRACTS = (
    Contract(
        contract_id="percent", service_provider="openai", models=["gpt-5.4*"], percent_off=Decimal(12),
        valid_from=date(2026, 11, 12), source="made for the benchmark",
    ),
    Contract(
        contract_id="fixed", service_provider="anthropic", models=["claude-sonnet-4-5*"], source="made as well",
        prices_per_mtok_usd=TokenPrices(input=Decimal("2.71"), output=Decimal("13.9")),
    ),
)  # fmt: skip


def price(warehouse: Path, timed: Callable[[Callable[[], object]], float]) -> dict[str, object]:
    """Calls and CPU seconds of both ways; ValueError where they disagree on what the calls cost."""
    with duckdb.connect(str(warehouse / "build.duckdb"), read_only=True) as connection:
        connection.execute("set threads = 1; set enable_progress_bar = false; set timezone = 'UTC'")
        connection.execute(f"attach '{warehouse / 'work.duckdb'}' as work (read_only)")
        connection.execute(
            f"create temp table calls as select {', '.join(CALL_COLUMNS)} from work.main.int_usage_events"
        )
        for table in ("price_keys", "price_sets"):
            connection.execute(f"create temp table {table} as from work.main.stg_pricing__{table}")
        logged = pricing_sql(warehouse, "calls", "temp.main.price_keys", "temp.main.price_sets")
        loop = _loop(connection, logged, timed)
        sets = _spread(connection)
        query = f"{_TOTALS} ({pricing_sql(warehouse, 'spread', 'temp.main.spread_keys', 'temp.main.spread_sets')})"
        seconds = [timed(lambda: connection.execute(query).fetchall()) for _ in range(REPEATS)]
        [(calls,)] = connection.execute("select count(*) from calls").fetchall()
        [(priced, *_)] = connection.execute(query).fetchall()
        if priced != calls:
            raise ValueError(f"{calls - priced} of {calls} calls have no price")
        return {"calls": calls, "cpu": seconds, "price_sets": sets, **loop}


def spread_prices(first: date, last: date) -> Prices:
    """What everything in SERVED costs in these days, under contracts."""
    keys = [Key(provider, host, model, tier, first, last, region) for provider, host, region, model, tier in SERVED]
    return resolve_prices(keys, contracts=_CONTRACTS)


def _spread(connection: duckdb.DuckDBPyConnection) -> int:
    """Tables of the calls spread over SERVED and of its prices; the number of price sets.

    Anthropic's calls write both caches, one in 21 is long, and the one model with audio is spoken to.
    """
    [days] = connection.execute("select min(usage_date), max(usage_date) from calls").fetchall()
    prices = spread_prices(*days)
    for name, frame in (("spread_keys", prices.price_keys), ("spread_sets", prices.price_sets)):
        connection.register("resolved", frame.to_arrow())
        connection.execute(f"create temp table {name} as from resolved")
        connection.unregister("resolved")
    served = ", ".join(str((number, *one)) for number, one in enumerate(SERVED))
    names = ("service_provider", "host", "region", "model_id", "service_tier")
    changed = {
        **{name: f"served.{name}" for name in names},
        "input_uncached_tokens": "input_uncached_tokens - written_5m - written_1h - spoken + added",
        "cache_write_5m_tokens": "written_5m",
        "cache_write_1h_tokens": "written_1h",
        "input_audio_tokens": "spoken",
        "total_input_tokens": "total_input_tokens + added",
    }
    columns = ", ".join(f"{changed.get(name, f'numbered.{name}')} as {name}" for name in CALL_COLUMNS)
    connection.execute(f"""
        create temp table spread as
        select {columns}
        from (select *, row_number() over (order by response_id) as number from calls) as numbered
        inner join (values {served}) as served(place, {", ".join(names)}) on numbered.number % {len(SERVED)} = place
        cross join lateral (
            select
                case when served.model_id like '%claude%' then input_uncached_tokens // 3 else 0 end as written_5m,
                case when served.model_id like '%claude%' then input_uncached_tokens // 5 else 0 end as written_1h,
                case when served.model_id = 'gpt-realtime' then input_uncached_tokens // 2 else 0 end as spoken,
                case when numbered.number % 21 = 0 then 300000 else 0 end as added
        )""")
    return int(prices.price_sets["price_set_id"].n_unique())


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
