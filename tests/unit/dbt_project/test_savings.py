"""The backlog of savings on literal calls: each lever alone, one a call, and savings that are the pricing SQL's own."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import polars as pl
import pytest

from sources.pricing.resolve import Key, resolve_prices
from sources.settings.scenarios import Scenarios, config_rows
from sources.settings.tables import frame
from tests.integration.priced import COUNTS, INPUTS, OUTPUTS, price_calls
from tests.unit.dbt_project.rendered import built

MONDAY = date(2026, 11, 2)
# gpt-4.1 costs 2 per million tokens of input, 0.50 read from the cache, 8 of output, and half of each in a batch.
TEXT = (
    "tenant_id", "product_id", "feature_id", "service_provider", "host", "region", "model_id", "model", "service_tier",
    "billing_status", "operation", "superseded_as", "pricing_status", "call_id", "purpose", "user_key", "task_type",
    "task_id", "reasoning_effort", "logical_request_id", "billing_account_id", "cost_center",
)  # fmt: skip
DECIMALS = ("audio_seconds", "video_seconds", "cache_storage_token_hours")
USAGE: dict[str, Any] = {
    "week_start": pl.Date(), "usage_date": pl.Date(), "started_at": pl.Datetime(), **dict.fromkeys(TEXT, pl.String()),
    "latency_insensitive": pl.Boolean(), "has_prompt_cache": pl.Boolean(), "is_last_attempt": pl.Boolean(),
    **{name: pl.Decimal(18, 6) if name in DECIMALS else pl.Int64() for name in COUNTS},
    "total_input_tokens": pl.Int64(), "total_output_tokens": pl.Int64(),
    "reported_cost_usd": pl.Decimal(38, 12), "contracted_cost_usd": pl.Decimal(26, 12),
    "effective_cost_usd": pl.Decimal(26, 12),
}  # fmt: skip
CALL: dict[str, Any] = {
    **dict.fromkeys(TEXT, "x"), "service_provider": "openai", "host": "direct", "region": "unknown",
    "model_id": "gpt-4.1", "model": "gpt-4.1", "service_tier": "standard", "billing_status": "billed",
    "operation": "chat", "superseded_as": None, "pricing_status": "priced", "week_start": MONDAY,
    "started_at": datetime(2026, 11, 3, 12), "latency_insensitive": False, "has_prompt_cache": True,
    "reported_cost_usd": None, "is_last_attempt": True, "logical_request_id": None,
    "purpose": "serve", "task_id": None, **dict.fromkeys(COUNTS, 0),
}  # fmt: skip
GPU: dict[str, Any] = {
    "usage_date": pl.Date(), "service_provider": pl.String(), "gpu_id": pl.String(),
    "cost_usd": pl.Decimal(38, 12), "warm_idle_cost_usd": pl.Decimal(38, 12),
    "unallocated_cost_usd": pl.Decimal(38, 12), "reserved_unused_cost_usd": pl.Decimal(38, 12),
    "busy_seconds": pl.Decimal(18, 6), "warm_idle_seconds": pl.Decimal(18, 6), "deployment_id": pl.String(),
    "provisioned_seconds": pl.Decimal(18, 6), "covered_seconds": pl.Decimal(18, 6),
}  # fmt: skip
TASK = {
    "task_id": pl.String(), "feature_id": pl.String(), "task_type": pl.String(), "ended_week_start": pl.Date(),
    "is_resolved": pl.Boolean(), "is_outcome_known": pl.Boolean(), "model": pl.String(), "calls": pl.Int64(),
}  # fmt: skip
NODE: dict[str, Any] = {
    "node_id": pl.String(), "service_provider": pl.String(), "committed_usd_per_gpu_hour": pl.Decimal(18, 8),
    "valid_from": pl.Date(), "valid_to": pl.Date(),
}  # fmt: skip
MODELS = (
    "int_usage_accounts_hourly", "int_savings_weekly", "int_savings_uses", "int_savings_answers", "int_savings_habits",
    "int_savings_idle", "int_savings_commitments", "int_savings_models", "int_savings_calls",
)  # fmt: skip


def call(**said: Any) -> dict[str, Any]:
    row = CALL | said
    row["usage_date"] = row["started_at"].date()
    row["total_input_tokens"] = sum(row[name] for name in INPUTS)
    row["total_output_tokens"] = sum(row[name] for name in OUTPUTS)
    return row


NAMES = ("service_provider", "model_id", "service_tier", "started_at", *COUNTS)


def cost(row: dict[str, Any], **changed: Any) -> Decimal:
    """What a call costs, changed so: priced by itself."""
    return priced(tuple((row | changed)[name] for name in NAMES))


@cache
def priced(values: tuple[Any, ...]) -> Decimal:
    ((found, reason),) = price_calls([dict(zip(NAMES, values, strict=True))])
    assert found is not None, reason
    return found


def backlog(
    calls: Sequence[dict[str, Any]],
    gpu_hours: Sequence[tuple[Any, ...]] = (),
    tasks: Sequence[tuple[Any, ...]] = (),
    others: Sequence[Key] = (),
    offer: str | None = None,
    scenario: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The mart; `others` are keys with prices besides those of the calls, over all their days."""
    usage = []
    for number, row in enumerate(calls):
        usd = cost(row) if row["pricing_status"] == "priced" else None
        usage.append(
            row
            | {"call_id": f"{number:06}", "contracted_cost_usd": usd, "effective_cost_usd": usd}
            | {"logical_request_id": row["logical_request_id"] or f"{number:06}"}
        )
    days = [row["usage_date"] for row in usage] or [MONDAY]
    answered_by = {row["task_id"]: row["model"] for row in usage}
    places = {tuple(row[name] for name in ("service_provider", "host", "model_id", "region")) for row in usage}
    keys = [
        Key(provider, host, model_id, tier, min(days), max(days), region, is_compared=tier == "batch")
        for provider, host, model_id, region in places
        for tier in ("standard", "batch")
    ]
    keys += [key._replace(first_date=min(days), last_date=max(days), is_compared=True) for key in others]
    prices = resolve_prices(keys)
    architectures = config_rows(Scenarios.model_validate({"scenarios": [scenario] if scenario else []}))
    tables = {
        **{f"stg_config__{name}": frame(name, rows) for name, rows in architectures.items()},
        "fct_usage": pl.DataFrame(usage, schema=USAGE),
        "int_usage_files_daily": pl.DataFrame(usage, schema=USAGE).select("usage_date"),
        "int_gpu_calls_costed": pl.DataFrame(schema={"call_id": pl.String(), "weighted_tokens": pl.Decimal(26, 6)}),
        "int_tasks": pl.DataFrame([(*task, answered_by[task[0]], 1) for task in tasks], schema=TASK, orient="row"),
        "dim_tenants": pl.DataFrame({"tenant_id": ["x", "free"], "is_free_plan": [False, True]}),
        "stg_pricing__price_keys": prices.price_keys,
        "stg_pricing__price_sets": prices.price_sets,
        "gpu_cost_hourly": pl.DataFrame(list(gpu_hours), schema=GPU, orient="row").select(
            "*",
            hour_start=pl.col("usage_date").cast(pl.Datetime())
            + pl.duration(hours=pl.int_range(pl.len()).over("usage_date")),
            node_id=pl.lit("n1"),
            reserved_unused_seconds=pl.lit(0, pl.Decimal(18, 6)),
            unallocated_seconds=pl.lit(0, pl.Decimal(18, 6)),
        ),
        "stg_config__gpu_nodes": pl.DataFrame(
            [("n1", "northgpu", offer and Decimal(offer), date(2026, 1, 1), date.max)], schema=NODE, orient="row"
        ),
    }
    with built(tables, *MODELS, "optimization_backlog_weekly") as connection:
        found = connection.sql("select * from optimization_backlog_weekly order by week_start, saving_rank").pl()
    return list(found.iter_rows(named=True))


def savings(calls: Sequence[dict[str, Any]]) -> dict[str, tuple[int, Decimal]]:
    return {row["lever"]: (row["calls"], row["saving_usd"]) for row in backlog(calls)}


PLAIN = call(input_uncached_tokens=1_000, output_text_tokens=200)
WAITS = call(input_uncached_tokens=50_000, output_text_tokens=900, latency_insensitive=True, has_prompt_cache=False)
OWN = call(
    input_uncached_tokens=900, output_text_tokens=100, service_provider="northgpu", host="self_hosted",
    model_id="llama", model="llama", pricing_status="self_hosted",
)  # fmt: skip
RETRIED = call(input_uncached_tokens=800, output_text_tokens=10, superseded_as="retry", latency_insensitive=True)
LONG = call(input_uncached_tokens=10_000, output_text_tokens=100)
THINKS = call(input_uncached_tokens=100, output_text_tokens=10, reasoning_tokens=2_001)


def test_a_call_without_a_lever_saves_nothing() -> None:
    assert savings([PLAIN]) == {}


def test_what_waits_saves_what_the_batch_price_is_lower() -> None:
    assert savings([WAITS]) == {"batch": (1, cost(WAITS) - cost(WAITS, service_tier="batch"))}
    assert savings([WAITS])["batch"][1] == Decimal("0.0536")  # half of 50,000 at 2 and 900 at 8 a million


def test_an_attempt_asked_again_counts_whole_and_for_nothing_else() -> None:
    assert savings([RETRIED, WAITS]) == {
        "avoid_retries": (1, cost(RETRIED)),
        "batch": (1, cost(WAITS) - cost(WAITS, service_tier="batch")),
    }


def test_four_fifths_of_a_long_prompt_are_read_and_a_tenth_of_them_is_written_first() -> None:
    changed = cost(LONG, input_uncached_tokens=2_000, cache_read_tokens=7_200, cache_write_5m_tokens=800)
    assert savings([LONG]) == {"prompt_cache": (1, cost(LONG) - changed)}


def test_a_feature_that_reads_enough_is_left_alone_and_so_is_a_short_prompt() -> None:
    good = call(input_uncached_tokens=2_000, cache_read_tokens=8_000, output_text_tokens=100)
    assert savings([good, call(input_uncached_tokens=1_023, output_text_tokens=100, feature_id="short")]) == {}


def test_half_of_much_reasoning_is_saved() -> None:
    """2,001 are more than twice 10; a thousand and a half is cut to a thousand."""
    assert savings([THINKS]) == {"reasoning_effort": (1, cost(THINKS) - cost(THINKS, reasoning_tokens=1_000))}
    assert savings([call(input_uncached_tokens=100, output_text_tokens=10, reasoning_tokens=20)]) == {}


def test_the_longest_answers_end_where_most_do() -> None:
    """Of 100, 200, ... 2,000 tokens, 95 % end within 1,905: the 20th of 20 is cut, its reasoning last."""
    calls = [call(input_uncached_tokens=100, output_text_tokens=100 * n) for n in range(1, 20)]
    longest = call(input_uncached_tokens=100, output_text_tokens=1_800, reasoning_tokens=200)
    cut = cost(longest, output_text_tokens=1_705)
    (row,) = backlog([*calls, longest])
    assert (row["lever"], row["calls"], row["saving_usd"]) == ("output_cap", 1, cost(longest) - cut)
    assert (row["evidence"], row["evidence_value"]) == ("tokens that 95 % of the calls end within", 1905)


def test_a_call_counts_for_the_lever_that_saves_most_of_it() -> None:
    """36,000 tokens read at 1.50 a million less are 0.0540 USD; half of 50,000 at 2 and 900 at 8 a million, 0.0536."""
    both = call(**{**WAITS, "has_prompt_cache": True})
    ((lever, (calls, saved)),) = savings([both]).items()
    cached = cost(both, input_uncached_tokens=10_000, cache_read_tokens=36_000, cache_write_5m_tokens=4_000)
    assert (lever, calls, saved) == ("prompt_cache", 1, cost(both) - cached)
    assert saved > cost(both) - cost(both, service_tier="batch")


def test_evaluations_and_shadows_go_in_batches_and_served_calls_do_not() -> None:
    asked = {"input_uncached_tokens": 900, "output_text_tokens": 90}
    rows = [call(**asked, purpose=purpose) for purpose in ("eval", "shadow", "serve", "router")]
    halves = 2 * (cost(rows[0]) - cost(rows[0], service_tier="batch"))
    assert savings(rows) == {"evaluation_batch": (2, halves)}


def embeddings(tokens: Sequence[int]) -> list[dict[str, Any]]:
    return [
        call(
            input_uncached_tokens=count, output_text_tokens=1, purpose="embed", latency_insensitive=True,
            has_prompt_cache=False, started_at=datetime(2026, 11, 2 + day, 3),
        )
        for day, count in enumerate(tokens)
    ]  # fmt: skip


def test_a_corpus_embedded_every_day_is_embedded_on_the_last() -> None:
    daily = embeddings([9_000, 10_000, 9_500, 8_000, 10_000])
    last = cost(daily[4]) - cost(daily[4], service_tier="batch")
    dropped = sum((cost(row) for row in daily[:4]), Decimal(0))
    assert savings(daily) == {"embedding_refresh": (4, dropped), "batch": (1, last)}


@pytest.mark.parametrize("tokens", [[9_000, 10_000, 9_500, 7_999, 10_000], [10_000] * 4])
def test_what_differs_from_day_to_day_or_came_on_four_is_no_refresh(tokens: list[int]) -> None:
    assert set(savings(embeddings(tokens))) == {"batch"}


def free(user: str | None, hour: int = 9, **said: Any) -> dict[str, Any]:
    asked = {"input_uncached_tokens": 900, "output_text_tokens": 90, "tenant_id": "free", "user_key": user}
    return call(**asked, started_at=datetime(2026, 11, 3, hour), **said)


def test_free_users_get_what_nine_in_ten_of_their_days_take() -> None:
    """Of ten days of 1, ..., 1 and 4 requests, nine in ten are within 1.3: three are too many. Paying users may."""
    days, eager = [free(f"u{number}") for number in range(9)], [free("eager", hour) for hour in range(4)]
    paying = [call(**{**row, "tenant_id": "x"}) for row in eager]
    assert savings([*days, *eager, *paying]) == {"free_tier": (3, 3 * cost(eager[0]))}


def test_free_calls_of_nobody_are_no_users_day_and_attempts_are_of_one_request() -> None:
    tried = {"logical_request_id": "r", "is_last_attempt": False, "superseded_as": "fallback"}
    days = [free(f"u{number}") for number in range(9)]
    assert savings([*days, *[free(None, hour) for hour in range(20)]]) == {}
    attempts = [*[free("u9", hour, **tried) for hour in range(3)], free("u9", 4, logical_request_id="r")]
    assert savings([*days, *attempts]) == {}
    later = [free("u9", 5, **{**tried, "logical_request_id": "s"}), free("u9", 6, logical_request_id="s")]
    assert savings([*days, *attempts, *later]) == {"free_tier": (2, 2 * cost(later[0]))}


def test_waiting_calls_fill_warm_idle_gpus_as_far_as_they_go_and_the_rest_is_returned() -> None:
    """1,000 tokens took 10 busy seconds, so 25 idle ones take 2,500: two calls, that fill four fifths of 0.005 USD."""
    waits = call(input_uncached_tokens=900, output_text_tokens=100, latency_insensitive=True)
    hours = (
        date(2026, 11, 3),
        "northgpu",
        "g1",
        Decimal(9),
        Decimal("0.005"),
        Decimal(1),
        Decimal(0),
        10,
        25,
        "d",
        60,
        60,
    )
    found = {row["lever"]: row for row in backlog([OWN, waits, waits, waits], [hours])}
    assert {lever: (row["calls"], row["saving_usd"]) for lever, row in found.items()} == {
        "fill_idle_gpus": (2, 2 * cost(waits)),
        "batch": (1, cost(waits) - cost(waits, service_tier="batch")),
        "idle_gpus": (0, Decimal("1.001")),
    }
    filling = found["fill_idle_gpus"]
    assert (filling["model"], filling["changed_service_provider"], filling["changed_model"]) == (
        "gpt-4.1", "northgpu", "llama"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("feature_id", "warm_idle_usd", "deployment_id", "covered_seconds"),
    [("y", "0.005", "d", 60), ("x", "0.0065", "d", 60), ("x", "0.005", "shared", 60), ("x", "0.005", "d", 20)],
)
def test_gpus_are_filled_where_it_is_known_that_calls_fit_and_cost_more(
    feature_id: str, warm_idle_usd: str, deployment_id: str, covered_seconds: int
) -> None:
    """A call costs 0.0026 USD and takes two fifths of the hours that idle, when all of the minute was seen."""
    waits = call(input_uncached_tokens=900, output_text_tokens=100, latency_insensitive=True)
    usd = (Decimal(9), Decimal(warm_idle_usd), Decimal(1), Decimal(0))
    hours = (date(2026, 11, 3), "northgpu", "g1", *usd, 10, 25, deployment_id, 60, covered_seconds)
    found = backlog([call(**{**OWN, "feature_id": feature_id}), waits], [hours])
    assert {row["lever"]: row["saving_usd"] for row in found} == {
        "batch": cost(waits) - cost(waits, service_tier="batch"), "idle_gpus": Decimal(1) + Decimal(warm_idle_usd)
    }  # fmt: skip


def test_idle_gpus_of_weeks_long_before_the_last_call_are_not_of_the_backlog() -> None:
    hours = (date(2026, 8, 4), "northgpu", "g1", Decimal(9), Decimal(5), Decimal(1), Decimal(0), 10, 25, "d", 60, 60)
    assert {row["lever"] for row in backlog([WAITS], [hours])} == {"batch"}


def test_prompts_that_grew_are_cut_to_what_they_were() -> None:
    asked = {"output_text_tokens": 90, "has_prompt_cache": False}
    before = [call(**asked, input_uncached_tokens=500, week_start=date(2026, 10, 26)) for _ in range(100)]
    grown = [call(**asked, input_uncached_tokens=600) for _ in range(100)]
    (row,) = backlog([*before, *grown])
    assert (row["lever"], row["calls"], round(row["evidence_value"], 9)) == ("prompt_growth", 100, 0.2)
    assert row["saving_usd"] == 100 * (cost(grown[0]) - cost(grown[0], input_uncached_tokens=500))
    assert backlog([*before, *[call(**asked, input_uncached_tokens=599) for _ in range(100)]]) == []
    assert backlog([*before, *grown[:99]]) == []
    long_before = [call(**asked, input_uncached_tokens=500, week_start=date(2026, 9, 28)) for _ in range(100)]
    assert backlog([*long_before, *grown]) == []


MINI = {"model_id": "gpt-4.1-mini", "model": "gpt-4.1-mini"}


def judged(model: str, right: int, wrong: int) -> list[tuple[str, bool]]:
    return [(model, number < right) for number in range(right + wrong)]


def answered(*answers: tuple[str, bool]) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    """A call and a task each."""
    asked = {"input_uncached_tokens": 900, "output_text_tokens": 90}
    calls = [
        call(**asked, task_id=f"t{number}", task_type="ticket", model_id=model, model=model)
        for number, (model, _) in enumerate(answers)
    ]
    tasks = [(f"t{number}", "x", "ticket", MONDAY, right, True) for number, (_, right) in enumerate(answers)]
    return calls, tasks


def test_the_cheaper_model_takes_what_it_answers_as_well() -> None:
    """Within two points: 150 of 200 right against 154."""
    calls, tasks = answered(*judged("gpt-4.1", 154, 46), *judged("gpt-4.1-mini", 150, 50))
    (row,) = backlog(calls, tasks=tasks)
    assert (row["lever"], row["calls"], row["evidence_value"]) == ("smaller_model", 200, 0.75)
    assert (row["model"], row["changed_model"]) == ("gpt-4.1", "gpt-4.1-mini")
    assert row["saving_usd"] == 200 * (cost(calls[0]) - cost(calls[0], model_id="gpt-4.1-mini"))


def test_the_rate_is_that_of_the_task_it_answers_worst() -> None:
    calls, tasks = answered(*judged("gpt-4.1", 154, 46), *judged("gpt-4.1-mini", 150, 50))
    others, refunds = answered(*judged("gpt-4.1", 100, 100), *judged("gpt-4.1-mini", 100, 100))
    others = [row | {"task_id": f"r{row['task_id']}", "task_type": "refund"} for row in others]
    refunds = [(f"r{task_id}", feature, "refund", *rest) for task_id, feature, _, *rest in refunds]
    (row,) = backlog([*calls, *others], tasks=[*tasks, *refunds])
    assert (row["calls"], row["evidence_value"]) == (400, 0.5)


@pytest.mark.parametrize(("right", "wrong"), [(149, 51), (150, 49)])
def test_a_model_judged_worse_or_too_rarely_takes_nothing(right: int, wrong: int) -> None:
    calls, tasks = answered(*judged("gpt-4.1", 154, 46), *judged("gpt-4.1-mini", right, wrong))
    assert backlog(calls, tasks=tasks) == []


def test_guardrails_go_to_the_cheapest_model_that_guards() -> None:
    asked = {"input_uncached_tokens": 900, "output_text_tokens": 9, "purpose": "guardrail"}
    dear, cheap = call(**asked), call(**asked, feature_id="other", **MINI)
    (row,) = backlog([dear, cheap])
    assert (row["lever"], row["feature_id"], row["changed_model"]) == ("guardrail_model", "x", "gpt-4.1-mini")
    assert backlog([dear, call(**asked, **MINI)]) == [], "one after the other, of one feature"
    assert row["saving_usd"] == cost(dear) - cost(dear, model_id="gpt-4.1-mini")


def test_the_same_model_is_bought_where_it_is_cheaper() -> None:
    """Bedrock's regional endpoint takes a tenth more than Anthropic."""
    asked = {"input_uncached_tokens": 900, "output_text_tokens": 90}
    bedrock = {"service_provider": "aws", "host": "bedrock", "model_id": "us.anthropic.claude-opus-5"}
    row = call(**asked, **bedrock, model=bedrock["model_id"])
    others = [
        Key("anthropic", "direct", "claude-opus-5", "standard", MONDAY, MONDAY),
        Key("anthropic", "direct", "claude-haiku-4-5", "standard", MONDAY, MONDAY),
    ]
    (found,) = backlog([row], others=others)
    assert (found["lever"], found["changed_service_provider"], found["changed_model"]) == (
        "other_host", "anthropic", "claude-opus-5"
    )  # fmt: skip
    assert found["saving_usd"] == cost(row) - cost(row, service_provider="anthropic", model_id="claude-opus-5")
    assert round(found["evidence_value"], 6) == round(1 / 1.1, 6)


def test_only_the_last_four_weeks_count() -> None:
    old = call(**{**WAITS, "week_start": date(2026, 10, 5), "started_at": datetime(2026, 10, 6)})
    kept = call(**{**WAITS, "week_start": date(2026, 10, 12), "started_at": datetime(2026, 10, 13)})
    assert [row["week_start"] for row in backlog([WAITS, old, kept])] == [kept["week_start"], MONDAY]


def test_idle_gpus_stand_beside_and_the_largest_comes_first() -> None:
    hours = [
        (
            date(2026, 11, 3),
            "northgpu",
            "g1",
            Decimal(5),
            Decimal("0.25"),
            Decimal("1.5"),
            Decimal(0),
            0,
            0,
            "d",
            60,
            60,
        ),
        (date(2026, 11, 4), "northgpu", "g2", Decimal(3), Decimal(0), Decimal(0), Decimal("0.25"), 0, 0, "d", 60, 60),
    ]
    idle, batch = backlog([WAITS], hours)
    assert (idle["lever"], idle["saving_rank"], idle["saving_usd"], idle["evidence_value"]) == (
        "idle_gpus", 1, Decimal(2), 0.25
    )  # fmt: skip
    assert (batch["lever"], batch["saving_rank"]) == ("batch", 2)


def architecture(alternative_id: str, correct: int, judged: int = 240, fewer: int = 0, **said: Any) -> dict[str, Any]:
    model = {"service_provider": "openai", "model_id": "gpt-4.1-mini", "fewer_input_tokens": fewer} | said
    quality = {"correct": correct, "judged": judged, "source": "evaluation"}
    return {"alternative_id": alternative_id, "models": [model], "quality": quality}


def test_the_architecture_judged_best_takes_the_calls_without_what_it_does_not_need() -> None:
    asked = call(input_uncached_tokens=2_000, cache_read_tokens=500, output_text_tokens=100)
    short = call(input_uncached_tokens=1_000, output_text_tokens=100)
    mini = Key("openai", "direct", "gpt-4.1-mini", "standard", MONDAY, MONDAY)
    found = backlog(
        [asked, short],
        others=[mini],
        scenario={"scenario_id": "s", "feature_id": "x", "alternatives": [
            architecture("rag", 200, fewer=100), architecture("tuned", 220, fewer=1_800),
            architecture("unsure", 29, judged=29, fewer=2_000),
        ]},
    )  # fmt: skip
    (row,) = found
    assert (row["lever"], row["calls"], row["changed_model"]) == ("other_architecture", 2, "gpt-4.1-mini")
    assert row["evidence_value"] == 220 / 240
    left = cost(asked, model_id="gpt-4.1-mini", input_uncached_tokens=700, cache_read_tokens=0)
    assert row["saving_usd"] == cost(asked) - left + cost(short) - cost(short, model_id="gpt-4.1-mini")


@pytest.mark.parametrize(
    "other",
    [
        {"model_id": "text-embedding-3-large", "operation": "embeddings", "input_uncached_tokens": 1_000_000},
        {"model_id": "gpt-image-1", "operation": "image_generation", "output_image_tokens": 4_000},
        {"input_uncached_tokens": 9_000, "output_text_tokens": 9, "purpose": "guardrail"},
    ],
)
def test_an_architecture_judged_on_answers_takes_no_other_calls(other: dict[str, Any]) -> None:
    nano = Key("openai", "direct", "gpt-4.1-nano", "standard", MONDAY, MONDAY)
    scenario = {
        "scenario_id": "s", "feature_id": "x", "alternatives": [architecture("nano", 200, model_id="gpt-4.1-nano")]
    }  # fmt: skip
    answered = call(input_uncached_tokens=2_000, output_text_tokens=100)
    rows = backlog([call(**other), answered], others=[nano], scenario=scenario)
    found = [row for row in rows if row["lever"] == "other_architecture"]
    assert [row["calls"] for row in found] == [1]
    assert found[0]["saving_usd"] == cost(answered) - cost(answered, model_id="gpt-4.1-nano")


def test_a_commitment_covers_the_whole_gpus_that_half_the_hours_use() -> None:
    """Of 4 GPUs at 2.00 USD three hours use 1.5, 2.75 and 4: two GPUs are promised, at 1.25 USD an hour each."""
    hours = [
        (
            date(2026, 11, 3), "northgpu", "g1", Decimal(8), (4 - used) * 2, Decimal(0), Decimal(0),
            used * 3600, (4 - used) * 3600, "d", 14_400, 14_400,
        )
        for used in (Decimal("2.75"), Decimal(4), Decimal("1.5"))
    ]  # fmt: skip
    found = {row["lever"]: row for row in backlog([PLAIN], hours, offer="1.25")}
    assert found["idle_gpus"]["saving_usd"] == 2 * (Decimal("2.5") + Decimal("1.25"))
    committed = found["commit_gpus"]
    assert (committed["current_cost_usd"], committed["changed_cost_usd"]) == (
        2 * (2 + 2 + Decimal("1.5")),
        Decimal("7.5"),
    )
    assert committed["evidence_value"] == pytest.approx(5.5 / 6)
    assert "commit_gpus" not in {row["lever"] for row in backlog([PLAIN], hours, offer="1.84")}, "it would cost more"
    assert "commit_gpus" not in {row["lever"] for row in backlog([PLAIN], hours)}, "nothing is offered"


@pytest.mark.parametrize("changed", [{"superseded_as": "retry"}, {"latency_insensitive": True}, {}])
def test_savings_are_never_more_than_was_paid(changed: dict[str, Any]) -> None:
    calls = [call(**{**row, **changed}) for row in (PLAIN, WAITS, RETRIED, LONG, THINKS)]
    saved = sum((row["saving_usd"] for row in backlog(calls)), Decimal(0))
    assert 0 < saved <= sum((cost(row) for row in calls), Decimal(0))
