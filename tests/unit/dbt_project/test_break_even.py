"""Self-hosting against an API on literal calls, and the steps of a fleet's cost against brute force."""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reports.verdicts import in_words
from tests.unit.dbt_project.rendered import built, sql_of
from tests.unit.dbt_project.self_hosting_rows import HOSTED, MODELS, REPLICA, call, tables, workload

FLAT = {"input_uncached": "1", "output": "1"}
# Every window of a day in June, so that the P50, the P95 and the mean are the same.
STEADY = [call(datetime(2026, 6, 1, n // 12, n % 12 * 5), input_uncached_tokens=900_000) for n in range(288)]
ALONE = REPLICA | {"gpus": 1, "phases": "apart", "input_tokens_per_second": "10000"}


def rows(calls: list[Any], said: dict[str, Any], prices: dict[str, str], **others: Any) -> list[dict[str, Any]]:
    connection = built(tables(calls, said, prices, **others), *MODELS)
    result = connection.execute("select * from break_even_monthly order by month_start, workload_id, comparator_id")
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def decided(**changes: Any) -> dict[str, Any]:
    said = {"workloads": [workload(**{"replica": ALONE} | changes)]}
    (row,) = rows(STEADY, said, FLAT)
    return row


def test_a_month_is_what_its_covered_days_say() -> None:
    """900,000 tokens in 300 s are 3,000 a second, 0.3 of a replica: 259.2 million a day, 7,776 million in June."""
    row = decided()
    assert (row["covered_days"], row["tokens"], row["tokens_per_month"]) == (1, 259_200_000, 7_776_000_000)
    assert row["api_cost_per_month_usd"] == 7776
    assert (row["replicas"], row["replica_cost_per_month_usd"]) == (1, 1800)
    assert row["tokens_per_replica_month"] == 10_000 * 86_400 * 30
    assert row["break_even_tokens_per_month"] == 1_800_000_000
    assert row["throughput_utilisation"] == pytest.approx(0.3)
    assert row["reachable_utilisation"] == pytest.approx(1)
    # 2.50 USD an hour over 36 million tokens an hour, against 1 USD per million.
    assert row["break_even_utilisation"] == pytest.approx(2.5 / 36)
    assert (row["verdict"], row["reason"], row["is_verdict_stable"]) == ("self_host", "self_hosting_cheaper", True)


def test_no_utilisation_reaches_a_price_below_what_grows_with_the_work() -> None:
    for per_mtok in ("1", "1.01"):
        row = decided(replica=ALONE | {"usd_per_mtok": per_mtok})
        assert (row["break_even_utilisation"], row["break_even_tokens_without_capacity"]) == (None, None)


def test_one_small_call_in_a_month_has_a_verdict_in_words() -> None:
    """Of 8,640 windows one has a millisecond of work."""
    small = [call(datetime(2026, 6, 1), input_uncached_tokens=10), call(datetime(2026, 6, 30))]
    (row,) = rows(small, {"workloads": [workload(replica=ALONE)]}, FLAT)
    assert (row["verdict"], row["reason"], row["replicas"]) == ("api", "api_cheaper", 1)
    assert row["tokens_per_replica_month"] > 10
    assert "use the API" in in_words(row)


def test_availability_headroom_and_derating_cost_replicas() -> None:
    assert decided(min_replicas=2)["self_hosted_cost_per_month_usd"] == 3600
    assert decided(shape="critical")["tokens_per_replica_month"] == 10_000 * 86_400 * 30 // 2
    assert decided(replica=ALONE | {"bench_to_real": "4"})["replicas"] == 2
    assert decided(overhead_usd_per_month="8000")["verdict"] == "api"


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"overhead_usd_per_month": None}, "unknown", "overhead_unknown"),
        ({"overhead_usd_per_month": "6000"}, "api", "api_cheaper"),
        ({"migration_usd": "80000"}, "api", "not_over_commitment"),
        ({"replica": ALONE | {"usd_per_gpu_hour": "36.1"}}, "api", "never_pays"),
        ({"replica": ALONE | {"usd_per_mtok": "1.01"}}, "api", "never_pays"),
        ({"max_replicas": 1, "overhead_usd_per_month": "24200"}, "api", "beyond_capacity"),
        ({"comparators": [HOSTED | {"model": "closed"}]}, "unknown", "api_price_unknown"),
        ({"comparators": [{"comparator_id": "b", "kind": "own_billed"}]}, "unknown", "api_price_unknown"),
        ({"replica": {k: v for k, v in ALONE.items() if k != "usd_per_gpu_hour"} | {"node_id": "n"}}, "unknown",
         "gpu_rate_unknown"),
    ],
)  # fmt: skip
def test_verdicts_and_their_reasons(changes: dict[str, Any], verdict: str, reason: str) -> None:
    row = decided(**changes)
    assert (row["verdict"], row["reason"]) == (verdict, reason)


def test_a_node_has_the_rate_its_economic_cost_says() -> None:
    """60 USD a day for the 24 hours of one GPU of two: 1.25 an hour."""
    one = workload(replica={k: v for k, v in ALONE.items() if k != "usd_per_gpu_hour"} | {"node_id": "n"})
    day = datetime(2026, 6, 1).date()
    (row,) = rows(STEADY, {"workloads": [one]}, FLAT, nodes=[(day, "n", Decimal(60), 2), (day, "o", Decimal(1), 2)])
    assert row["replica_cost_per_month_usd"] == Decimal("1.25") * 720


def test_a_verdict_names_the_inputs_that_turn_it() -> None:
    """7,776 a month against 1,800 and 5,000: a third less price or traffic turns it, a fifth dearer GPUs do not."""
    row = decided(overhead_usd_per_month="5000")
    assert row["verdict"] == "self_host"
    assert not row["is_verdict_stable"]
    assert {row["hinges_on_first"], row["hinges_on_second"]} == {"api_price", "traffic"}
    assert row["hinges_on_third"] is None
    assert row["lowest_commitment_saving_usd"] < 0 < row["commitment_saving_usd"] < row["highest_commitment_saving_usd"]


def test_the_path_of_prices_decides_over_a_commitment() -> None:
    """Two years at no interest: 7,776 a month at first, half of it a year later."""
    said = {"discount_rate_per_year": "0", "api_price_change_per_year": "-0.5"}
    one = workload(replica=ALONE, overhead_usd_per_month="5000", migration_usd="977", commitment_months=24)
    (row,) = rows(STEADY, said | {"workloads": [one]}, FLAT)
    expected = sum(7776 * 0.5 ** (month / 12) for month in range(24))
    assert float(row["commitment_api_cost_usd"]) == pytest.approx(expected, abs=0.0001)
    assert row["commitment_self_hosted_cost_usd"] == 977 + 24 * 6800
    assert (row["payback_months"], row["reason"]) == (2, "not_over_commitment")


def test_a_host_without_a_cache_bills_cached_tokens_as_input() -> None:
    cached = [call(datetime(2026, 6, 1), cache_read_tokens=1_000_000, output_text_tokens=1_000_000)]
    said = {"workloads": [workload()]}
    (without,) = rows(cached, said, {"input_uncached": "1", "output": "3"})
    (with_cache,) = rows(cached, said, {"input_uncached": "1", "output": "3", "cache_read": "0.2"})
    assert without["api_price_per_mtok_usd"] == 2
    assert with_cache["api_price_per_mtok_usd"] == Decimal("1.6")


def test_the_billed_price_is_of_calls_an_api_serves_and_of_what_passes() -> None:
    api = {"host": "direct", "model": "gpt", "effective_cost_usd": Decimal(3)}
    calls = [*STEADY, call(datetime(2026, 6, 1, 1), input_uncached_tokens=1_000_000, **api)]
    own = {"comparator_id": "own", "kind": "own_billed", "match": {"model": "gpt"}}
    for share, verdict in (("0.5", "self_host"), (None, "unknown")):
        one = workload(replica=ALONE, comparators=[own | ({"passing_share": share} if share else {})])
        (row,) = rows(calls, {"workloads": [one]}, FLAT)
        assert row["api_price_per_mtok_usd"] == 3
        assert (row["tokens_per_month"], row["verdict"]) == (7_776_000_000 // (2 if share else 1), verdict)


def test_a_call_is_the_work_of_one_workload() -> None:
    said = {"workloads": [workload(match={"tenant": "t"}), workload(workload_id="rest", match={})]}
    calls = [*STEADY, call(datetime(2026, 6, 1, 1), input_uncached_tokens=7, tenant_id="u")]
    assert {row["workload_id"]: row["tokens"] for row in rows(calls, said, FLAT)} == {"chat": 259_200_000, "rest": 7}


@cache
def _steps() -> str:
    return sql_of("int_break_even_steps")


FLEETS = st.fixed_dictionaries(
    {
        "replica": st.integers(1, 400),
        "overhead": st.integers(0, 300),
        "price": st.integers(-3, 40),
        "carries": st.integers(1, 60),
        "least": st.integers(1, 4),
        "more": st.integers(0, 8),
    }
)


@given(FLEETS)
@settings(max_examples=60, deadline=None)
def test_crossings_are_those_of_trying_every_volume(fleet: dict[str, int]) -> None:
    """Small whole numbers: USD per million tokens times a million, so that a token has a price of its own."""
    most = fleet["least"] + fleet["more"]
    case = {
        "workload_id": "w", "comparator_id": "c", "month_start": datetime(2026, 6, 1).date(), "case_name": "as_is",
        "min_replicas": fleet["least"], "max_replicas": most, "tokens_per_replica": Decimal(fleet["carries"]),
        "replica_month_usd": Decimal(fleet["replica"]), "overhead_usd_per_month": Decimal(fleet["overhead"]),
        "net_price_per_mtok_usd": Decimal(fleet["price"] * 1_000_000),
    }  # fmt: skip
    money = ("replica_month_usd", "overhead_usd_per_month", "net_price_per_mtok_usd")
    schema: dict[str, Any] = {name: pl.Decimal(26, 12) for name in money} | {"tokens_per_replica": pl.Decimal(30, 0)}
    with duckdb.connect() as connection:
        connection.register("int_break_even_cases", pl.DataFrame([case], schema_overrides=schema).to_arrow())
        found = connection.execute(
            f"select crosses_up_at_tokens, crosses_down_at_tokens, pays_from_tokens from ({_steps()})"
        ).fetchall()

    def pays(volume: int) -> bool:
        replicas = max(fleet["least"], -(-volume // fleet["carries"]))
        return replicas * fleet["replica"] + fleet["overhead"] <= volume * fleet["price"]

    volumes = range(1, most * fleet["carries"] + 1)
    ups = [volume for volume in volumes if pays(volume) and not (volume > 1 and pays(volume - 1))]
    downs = [volume for volume in volumes if not pays(volume) and volume > 1 and pays(volume - 1)]
    assert sorted(up for up, _, _ in found if up is not None) == ups
    assert sorted(down for _, down, _ in found if down is not None) == downs
    assert min((first for *_, first in found if first is not None), default=None) == (ups[0] if ups else None)
