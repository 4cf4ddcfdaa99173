"""The providers' usage and cost pages, weekly files of daily buckets, computed from what was really called."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from examples.company import story
from examples.company.catalog import ACCOUNTS, FIRST_DAY, MODELS, MONDAYS, SCOPES, epoch_ms
from examples.company.prices import PICO, as_text

Results = list[dict[str, Any]]
RAW = re.compile(r'"<raw (-?[0-9.]+)>"')
COST_COLUMNS = {
    "input_uncached": "input_uncached_pico",
    "cache_read": "cache_read_pico",
    "cache_write_5m": "cache_write_5m_pico",
    "cache_write_1h": "cache_write_1h_pico",
    "output": "output_pico",
}
OPENAI_ITEMS = {
    "input_uncached": "input", "cache_read": "cached input", "cache_write_5m": "cache write input", "output": "output",
}  # fmt: skip
ANTHROPIC_ITEMS = {
    "input_uncached": ("uncached_input_tokens", "Input Tokens"),
    "cache_read": ("cache_read_input_tokens", "Input Tokens, Cache Read"),
    "cache_write_5m": ("cache_creation.ephemeral_5m_input_tokens", "Input Tokens, Cache Write (5m)"),
    "cache_write_1h": ("cache_creation.ephemeral_1h_input_tokens", "Input Tokens, Cache Write (1h)"),
    "output": ("output_tokens", "Output Tokens"),
}
STORAGE_PICO = int(Decimal(story.STORAGE_USD_PER_DAY) * PICO)
GROUP = ["day", "scope_id", "key_id", "billed_as", "tier", "context_window"]


def billed(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls the API providers charge for, as their bills see them."""
    scope = {f"{provider}/{route}": ids for (provider, route), ids in SCOPES.items()}
    place = pl.col("service_provider") + "/" + pl.col("scope")
    prompt = pl.sum_horizontal(
        "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"
    )
    return calls.filter((pl.col("billing") == "billed") & (pl.col("service_provider") != "northgpu")).with_columns(
        scope_id=place.replace_strict({k: v[0] for k, v in scope.items()}),
        key_id=place.replace_strict({k: v[1] for k, v in scope.items()}),
        billed_as=pl.col("model").replace_strict({m.model: m.billed_as for m in MODELS}),
        context_window=pl.when((pl.col("service_provider") == "anthropic") & (prompt > 200_000))
        .then(pl.lit("200k-1M")).otherwise(pl.lit("0-200k")),
        output_tokens=pl.col("output_text_tokens") + pl.col("reasoning_tokens"),
    )  # fmt: skip


def grouped(calls: pl.DataFrame) -> pl.DataFrame:
    """Sums by day, scope, key, model, tier and context window."""
    sums = [
        "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
        "output_tokens", "searches", *COST_COLUMNS.values(), "search_pico",
    ]  # fmt: skip
    return calls.group_by(GROUP).agg(pl.col(sums).sum(), pl.len().alias("requests")).sort(GROUP)


def write(landing: Path, calls: pl.DataFrame) -> None:
    """Write the four kinds of pages, and the early fetch that a later one replaces."""
    all_billed = billed(calls)
    openai = all_billed.filter(pl.col("service_provider") == "openai")
    anthropic = all_billed.filter(pl.col("service_provider") == "anthropic")
    early = openai.filter(pl.col("started_ms") < story.RESTATED_CUT_MS)
    for monday in MONDAYS:
        fetched = monday + timedelta(days=9)
        _write_openai(landing, grouped(openai), monday, f"{fetched:%Y%m%d}T050000Z")
        _write_anthropic(landing, grouped(anthropic), monday, f"{fetched:%Y%m%d}T050000Z")
        if monday == story.RESTATED_MONDAY:
            _write_openai(landing, grouped(early), monday, f"{monday + timedelta(days=6):%Y%m%d}T063000Z")


def _page_path(landing: Path, feed: str, table: str, monday: date, fetched: str) -> Path:
    folder = landing / feed / table / ACCOUNTS[feed]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{monday}_{monday + timedelta(days=6)}__retrieved-{fetched}.json"


def _write_page(path: Path, page: dict[str, Any]) -> None:
    """Amounts are written with all their digits, which a float would not keep."""
    path.write_text(RAW.sub(r"\1", json.dumps(page, indent=1)) + "\n")


def _raw(pico: int) -> str:
    return f"<raw {as_text(pico)}>"


def _days(groups: pl.DataFrame, monday: date) -> Iterable[tuple[date, Results]]:
    for offset in range(7):
        day = monday + timedelta(days=offset)
        yield day, groups.filter(pl.col("day") == (day - FIRST_DAY).days).to_dicts()


def _write_openai(landing: Path, groups: pl.DataFrame, monday: date, fetched: str) -> None:
    pages: tuple[tuple[str, Callable[[date, Results], Results]], ...] = (
        ("usage_completions", lambda _, rows: [_openai_usage(row) for row in rows]),
        ("costs", _openai_costs),
    )
    for table, results in pages:
        buckets = [
            {
                "object": "bucket",
                "start_time": epoch_ms(day) // 1000,
                "end_time": epoch_ms(day, 24) // 1000,
                "results": results(day, rows),
            }
            for day, rows in _days(groups, monday)
        ]
        page = {"object": "page", "data": buckets, "has_more": False, "next_page": None}
        _write_page(_page_path(landing, "openai", table, monday, fetched), page)


def _openai_usage(row: dict[str, Any]) -> dict[str, Any]:
    read, write = row["cache_read_tokens"], row["cache_write_5m_tokens"]
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": row["input_uncached_tokens"] + read + write,
        "input_cached_tokens": read,
        "input_cache_write_tokens": write,
        "input_uncached_tokens": row["input_uncached_tokens"],
        "output_tokens": row["output_tokens"],
        "input_text_tokens": row["input_uncached_tokens"],
        "output_text_tokens": row["output_tokens"],
        "input_cached_text_tokens": read,
        "input_audio_tokens": 0,
        "input_cached_audio_tokens": 0,
        "output_audio_tokens": 0,
        "input_image_tokens": 0,
        "input_cached_image_tokens": 0,
        "output_image_tokens": 0,
        "num_model_requests": row["requests"],
        "project_id": row["scope_id"],
        "user_id": None,
        "api_key_id": row["key_id"],
        "model": row["billed_as"],
        "batch": row["tier"] == "batch",
        "service_tier": "default",
    }


def _openai_costs(day: date, rows: Results) -> Results:
    """One line per class; context tiers share a line, as the provider's bill has it."""
    results = []
    for row in rows:
        batch = "batch " if row["tier"] == "batch" else ""
        for meter, name in OPENAI_ITEMS.items():
            quantity = row["output_tokens" if meter == "output" else f"{meter}_tokens"]
            if quantity:
                item = f"{row['billed_as']}, {batch}{name}"
                place = (row["scope_id"], row["key_id"])
                results.append(_openai_cost(row[COST_COLUMNS[meter]], item, place, str(quantity), "tokens"))
    if day >= story.STORAGE_FROM:
        place = ("proj_prod", None)
        storage = (STORAGE_PICO, "file search storage", place, story.STORAGE_GIB_DAYS, "gibibyte_days")
        results.append(_openai_cost(*storage))
    return results


def _openai_cost(pico: int, item: str, place: tuple[str, str | None], quantity: str, unit: str) -> dict[str, Any]:
    return {
        "object": "organization.costs.result",
        "amount": {"value": _raw(pico), "currency": "usd"},
        "line_item": item,
        "project_id": place[0],
        "api_key_id": place[1],
        "quantity": f"<raw {quantity}>",
        "quantity_unit": unit,
    }


def _write_anthropic(landing: Path, groups: pl.DataFrame, monday: date, fetched: str) -> None:
    for table, results in (("usage_messages", _anthropic_usage), ("cost_report", _anthropic_costs)):
        buckets = [
            {"starting_at": f"{day}T00:00:00Z", "ending_at": f"{day + timedelta(days=1)}T00:00:00Z",
             "results": results(rows)}
            for day, rows in _days(groups, monday)
        ]  # fmt: skip
        page = {"data": buckets, "has_more": False, "next_page": None}
        _write_page(_page_path(landing, "anthropic", table, monday, fetched), page)


def _anthropic_usage(rows: Results) -> Results:
    return [
        {
            "account_id": None,
            "api_key_id": row["key_id"],
            "cache_creation": {
                "ephemeral_1h_input_tokens": row["cache_write_1h_tokens"],
                "ephemeral_5m_input_tokens": row["cache_write_5m_tokens"],
            },
            "cache_read_input_tokens": row["cache_read_tokens"],
            "context_window": row["context_window"],
            "inference_geo": "global",
            "model": row["billed_as"],
            "output_tokens": row["output_tokens"],
            "server_tool_use": {"web_search_requests": row["searches"]},
            "service_account_id": None,
            "service_tier": row["tier"],
            "uncached_input_tokens": row["input_uncached_tokens"],
            "workspace_id": row["scope_id"] or None,
        }
        for row in rows
    ]


def _anthropic_costs(rows: Results) -> Results:
    """By workspace and description: the cost report knows no keys, and its amounts are text in cents."""
    costs: dict[tuple[str, str, str, str, str], int] = {}
    searches: dict[str, int] = {}
    for row in rows:
        for meter, (token_type, text) in ANTHROPIC_ITEMS.items():
            if pico := row[COST_COLUMNS[meter]]:
                key = (row["scope_id"], row["billed_as"], row["context_window"], token_type, text)
                costs[key] = costs.get(key, 0) + pico
        if row["search_pico"]:
            searches[row["scope_id"]] = searches.get(row["scope_id"], 0) + row["search_pico"]
    results = [
        _anthropic_cost(pico, scope, f"{_title(model)} Usage - {text}", "tokens", model, window, token_type)
        for (scope, model, window, token_type, text), pico in costs.items()
    ]
    return results + [
        _anthropic_cost(pico, scope, "Web Search Usage", "web_search", None, None, None)
        for scope, pico in searches.items()
    ]


def _title(model: str) -> str:
    """claude-haiku-4-5-20251001 -> Claude Haiku 4.5."""
    words = model.split("-")[:-1]
    return " ".join([w.title() for w in words if not w.isdigit()] + [".".join(w for w in words if w.isdigit())])


def _anthropic_cost(
    pico: int,
    scope: str,
    description: str,
    cost_type: str,
    model: str | None,
    context_window: str | None,
    token_type: str | None,
) -> dict[str, Any]:
    return {
        "amount": as_text(pico, shift=2),
        "context_window": context_window,
        "cost_type": cost_type,
        "currency": "USD",
        "description": description,
        "inference_geo": "global" if model else None,
        "model": model,
        "service_tier": "standard" if model else None,
        "token_type": token_type,
        "workspace_id": scope or None,
    }
