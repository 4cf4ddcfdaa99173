"""The list of what was injected, with its size: truth/incidents.csv."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from examples.company import story
from examples.company.bills import STORAGE_PICO, billed
from examples.company.catalog import (
    FEATURE_BY_ID,
    FIRST_DAY,
    GPUS,
    KEY_INHERITED,
    KEY_MOVED,
    LAST_DAY,
    LLAMA,
    MOVING_TENANT,
    epoch_ms,
)
from examples.company.gpu import HOURLY_PICO
from examples.company.invoices import CENT, Invoice
from examples.company.mishaps import day_index
from examples.company.prices import CONTRACTS, METERS, PRICE_CHANGE_DAY, as_text, price_calls

COLUMNS = ["incident_id", "kind", "first_date", "last_date", "description", "calls", "amount_usd", "detail"]
INPUT_COSTS = ("input_uncached_pico", "cache_read_pico", "cache_write_5m_pico", "cache_write_1h_pico")


@dataclass(frozen=True)
class Incident:
    """One injected event; `detail` says what the amount is the amount of."""

    kind: str
    first: date
    last: date
    description: str
    calls: int
    pico: int
    detail: str


def rows(calls: pl.DataFrame, issued: list[Invoice]) -> Iterator[tuple[object, ...]]:
    """Lines of incidents.csv; what a very small company has no calls for is left out."""
    sources = (_prices, _unlogged, _logging, _lost_lines, _attempts, _tags_and_keys, _shapes, _node)
    found = [incident for source in sources for incident in source(calls)]
    found += [*_billing(calls), *_invoicing(issued)]
    happened = sorted((i for i in found if i.calls or i.pico), key=lambda i: (i.first, i.kind, i.last))
    for number, i in enumerate(happened, start=1):
        yield (f"inc-{number:03d}", i.kind, i.first, i.last, i.description, i.calls, as_text(i.pico), i.detail)


def _of(calls: pl.DataFrame, kind: str, description: str, detail: str, amount: str = "cost_pico") -> Incident:
    """An incident that is a set of calls: its days, number and money."""
    if not calls.height:
        return Incident(kind, FIRST_DAY, FIRST_DAY, description, 0, 0, detail)
    first, last = (FIRST_DAY + timedelta(days=int(d)) for d in np.quantile(calls["day"].to_numpy(), [0, 1]))
    return Incident(kind, first, last, description, calls.height, int(calls[amount].sum()), detail)


def _prices(calls: pl.DataFrame) -> Iterator[Incident]:
    sol = calls.filter(
        (pl.col("model") == "gpt-5.6-sol") & (pl.col("day") >= day_index(PRICE_CHANGE_DAY))
        & (pl.col("billing") == "billed")
    )  # fmt: skip
    quantities = {m: sol[f"{m}_tokens"].to_numpy() for m in METERS if m not in _RENAMED}
    quantities |= {m: sol.select(e).to_series().to_numpy() for m, e in _RENAMED.items()}
    names = np.array(sol["model"].to_list()), np.array(sol["tier"].to_list())
    day_before = np.full(sol.height, np.datetime64(PRICE_CHANGE_DAY - timedelta(days=1)))
    _, at_old_price = price_calls(*names, day_before, quantities)
    change = _of(sol, "price_change", "gpt-5.6-sol got cheaper", "cost now minus cost at the old public price")
    yield Incident(
        change.kind, PRICE_CHANGE_DAY, LAST_DAY, change.description, change.calls,
        change.pico - int(at_old_price.sum()), change.detail,
    )  # fmt: skip
    contract = CONTRACTS[0]
    part = calls.filter(
        (pl.col("model") == contract.model) & (pl.col("day") >= day_index(contract.valid_from))
        & (pl.col("billing") == "billed")
    ).with_columns(saved=pl.col("cost_pico") - pl.col("list_pico"))  # fmt: skip
    text = f"{contract.percent_off} % off {contract.model}"
    yield _of(part, "contract_discount", text, "contracted cost minus public price", "saved")


_RENAMED = {"output": pl.col("output_text_tokens") + pl.col("reasoning_tokens"), "search": pl.col("searches")}


def _unlogged(calls: pl.DataFrame) -> Iterator[Incident]:
    notebook = calls.filter(pl.col("route") == "notebook")
    for provider in ("openai", "anthropic"):
        part = notebook.filter(pl.col("service_provider") == provider)
        yield _of(part, "unlogged_traffic", f"a notebook with a key of its own at {provider}", "billed cost, no log")
    part = notebook.filter(pl.col("model") == LLAMA)
    yield _of(part, "gateway_bypass", "a notebook called the GPU node directly", "share of busy GPU cost, no log")


def _logging(calls: pl.DataFrame) -> Iterator[Incident]:
    for event in story.LATE_LOGS:
        part = calls.filter(pl.col("is_late") & pl.col("day").is_between(day_index(event.first), day_index(event.last)))
        yield _of(part, "late_logs", f"written into the file of {event.written}", "cost of the late calls")
    again = pl.col("logged_again_day")
    same = calls.filter((again >= 0) & (again == pl.col("write_day")))
    yield _of(same, "duplicate_logs", "logged twice in one file, with another litellm_call_id", "cost counted twice")
    later = calls.filter(again > pl.col("write_day"))
    yield _of(later, "duplicate_logs_next_day", "logged again in the file of the next day", "cost counted twice")


def _lost_lines(calls: pl.DataFrame) -> Iterator[Incident]:
    texts = {
        "missing_file": f"spend_logs_{story.MISSING_LOG_DAY} never came",
        "truncated_file": f"spend_logs_{story.TRUNCATED_LOG_DAY} ends after {story.TRUNCATED_BYTES} bytes",
        "broken_json": "a line of the log is cut",
        "prompt_tokens_text": 'prompt_tokens is "12x"',
        "negative_completion_tokens": "completion_tokens is negative",
        "cached_above_prompt": "more cached than prompt tokens",
    }
    for kind, text in texts.items():
        name = f"malformed_line_{kind}" if kind in story.MALFORMED else kind
        yield _of(calls.filter(pl.col("log_state") == kind), name, text, "cost of calls without a readable log line")


def _attempts(calls: pl.DataFrame) -> Iterator[Incident]:
    role, failed = pl.col("role"), pl.col("status") == "failure"
    yield _of(calls.filter(role == "retry"), "retry", "asked again on the same model", "cost of superseded attempts")
    yield _of(calls.filter(role == "fallback"), "fallback", "fell back to a cheaper model", "cost of failed attempts")
    lost = calls.filter(role == "failed_last")
    yield _of(lost, "billed_failure", "the last attempt broke off and is billed", "cost of failed last attempts")
    superseded = calls.filter(failed & role.is_in(["retry", "fallback"]))
    yield _of(
        superseded, "billed_failure_superseded", "failed, billed and asked again", "cost, also in retry, fallback"
    )
    limited = calls.filter(role == "rate_limited")
    answered = calls.filter((role == "final") & pl.col("request").is_in(limited["request"].unique().implode()))
    both = _of(limited, "unbilled_429", "refused with 429 and asked again", "cost of the answers that followed")
    yield Incident(
        both.kind, both.first, both.last, both.description, both.calls, int(answered["cost_pico"].sum()), both.detail
    )
    hits = calls.filter(pl.col("billing") == "gateway_cache")
    yield _of(hits, "gateway_cache", "served by the gateway's cache", "public price of what was not asked", "list_pico")


def _tags_and_keys(calls: pl.DataFrame) -> Iterator[Incident]:
    logged = calls.filter("is_logged")
    part = logged.filter(pl.col("tags") == "no_tenant")
    yield _of(part, "missing_tag_own_key", "no tenant tag, on a key of one tenant", "cost, attributable by key")
    part = logged.filter(pl.col("tags") == "bare")
    yield _of(part, "missing_tag_shared_key", "no metadata, on the shared key", "cost, unattributable")
    moved = calls.filter((pl.col("tenant_id") == MOVING_TENANT) & (pl.col("day") >= day_index(KEY_MOVED)))
    text = f"{MOVING_TENANT} moved to another key; its old key serves another tenant from {KEY_INHERITED}"
    yield _of(moved, "key_move", text, "cost of the tenant since")


def _shapes(calls: pl.DataFrame) -> Iterator[Incident]:
    usual = calls.with_columns(cache_pico=pl.sum_horizontal(INPUT_COSTS[1:]), input_pico=pl.sum_horizontal(INPUT_COSTS))
    thinking = usual.filter(pl.col("feature_id") == "report_writer")
    yield _of(thinking, "reasoning_heavy", FEATURE_BY_ID["report_writer"].feature_name, "cost of output", "output_pico")
    caching = usual.filter(pl.col("feature_id") == "code_agent")
    yield _of(caching, "cache_heavy", FEATURE_BY_ID["code_agent"].feature_name, "cost of cache use", "cache_pico")
    batch = usual.filter(pl.col("tier") == "batch")
    yield _of(batch, "batch", "extraction moved to the batch tier", "cost at batch prices")
    grown = usual.filter(
        (pl.col("feature_id") == story.PROMPT_FEATURE) & (pl.col("billing") == "billed")
        & pl.col("day").is_between(day_index(story.PROMPT_FROM), day_index(story.PROMPT_TO) - 1)
    ).with_columns(extra=pl.col("input_pico") * (story.PROMPT_FACTOR - 1) // story.PROMPT_FACTOR)  # fmt: skip
    yield _of(grown, "prompt_change", "prompt v8 doubled every prompt for a week", "cost of the added tokens", "extra")


def _node(calls: pl.DataFrame) -> Iterator[Incident]:
    days = (story.IDLE_TO - story.IDLE_FROM).days
    idle = days * 24 * GPUS * HOURLY_PICO
    last = story.IDLE_TO - timedelta(days=1)
    yield Incident("idle_gpu", story.IDLE_FROM, last, "no traffic sent to the node", 0, idle, "rent of the idle node")
    hours = (story.GAP_TO_MS - story.GAP_FROM_MS) // 3_600_000
    gap = date(2026, 9, 5)
    text = f"no samples of GPU {story.GAP_GPU} for {hours} hours"
    yield Incident("telemetry_gap", gap, gap, text, 0, hours * HOURLY_PICO, "rent of the unobserved GPU time")
    before = calls.filter((pl.col("model") == LLAMA) & (pl.col("started_ms") < story.RESTART_MS))
    day = FIRST_DAY + timedelta(days=(story.RESTART_MS - epoch_ms(FIRST_DAY)) // 86_400_000)
    amount = int(before["cost_pico"].sum())
    text = "the vLLM pod restarted and its counters began at 0"
    yield Incident("counter_reset", day, day, text, before.height, amount, "busy cost of the calls counted before it")


def _billing(calls: pl.DataFrame) -> Iterator[Incident]:
    sunday = story.RESTATED_MONDAY + timedelta(days=6)
    missed = billed(calls).filter(
        (pl.col("service_provider") == "openai") & (pl.col("started_ms") >= story.RESTATED_CUT_MS)
        & (pl.col("day") == day_index(sunday))
    )  # fmt: skip
    yield _of(missed, "bill_restated", "a page fetched before its last day was over", "missing from the first fetch")
    days = (LAST_DAY - story.STORAGE_FROM).days + 1
    text = "file search storage, which no call explains"
    yield Incident("non_token_charge", story.STORAGE_FROM, LAST_DAY, text, 0, days * STORAGE_PICO, "billed cost")


def _invoicing(issued: list[Invoice]) -> Iterator[Incident]:
    for invoice in issued:
        last = invoice.end - timedelta(days=1)
        for kind, pico, detail in (
            ("credit", invoice.credit_cents * CENT, "amount of the line"),
            ("fee", invoice.fee_cents * CENT, "amount of the line"),
            ("invoice_rounding", invoice.rounding_pico, "invoiced usage minus the bill"),
        ):
            if pico:
                yield Incident(kind, invoice.first, last, f"on invoice {invoice.invoice_id}", 0, pico, detail)
