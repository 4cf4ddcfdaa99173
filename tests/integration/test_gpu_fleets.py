"""For any fleet: what is paid for its nodes ends on GPUs and slices, deployments and tenants, to the last digit."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.fleets import Fleet, until

DAY = date(2026, 8, 10)
MIDNIGHT = datetime(2026, 8, 10)
KINDS = ("warm_idle", "reserved_unused", "unallocated", "overhead", "unobserved")
OWNED = {"capex_usd": "100000.01", "residual_usd": "1", "life_years": "2.5", "discount_rate": "0.08", "power_kw": "3",
         "usd_per_kwh": "0.123457", "pue": "1.31", "costs": [{"line": "colo", "usd": "777.77"}]}  # fmt: skip
BLEND = [{"rate": "reserved", "share": "0.333333", "usd_per_gpu_hour": "1.01"},
         {"rate": "spot", "share": "0.666667", "usd_per_gpu_hour": "0.99999999"}]  # fmt: skip
WEIGHTS = {"input": "1", "cache_read": "0.1", "output": "4"}
prices = st.one_of(
    st.integers(0, 10**10).map(lambda n: {"usd_per_gpu_hour": str(Decimal(n).scaleb(-8))}),
    st.just({"blend": BLEND}),
    st.just({"owned": OWNED}),
)
PROFILES = {"1g.5gb": 1, "2g.10gb": 2, "3g.20gb": 3, "4g.20gb": 4}


def node(node_id: str, gpus: int, price: Any) -> dict[str, Any]:
    return {"node_id": node_id, "service_provider": "p", "billing_account_id": "a", "gpus": gpus,
            "valid_from": "2026-08-10", **price}  # fmt: skip


def deployment(node_id: str, model: str) -> dict[str, Any]:
    return {"deployment_id": f"d-{model}", "node_id": node_id, "model_id": model, "model": model, "weights": WEIGHTS}


def span(node_id: str, gpu: int, minute: int, busy: int, **slice_: Any) -> dict[str, Any]:
    at = MIDNIGHT + timedelta(minutes=minute)
    return {"node_id": node_id, "gpu_uuid": f"{node_id}-{gpu}", "sampled_at": at, "span_us": 2_400_000_000,
            "busy_share": Decimal(busy).scaleb(-6), **slice_}  # fmt: skip


def call(number: int, hour: int, tenant: str, model: str, tokens: tuple[int, int, int]) -> dict[str, Any]:
    names = ("input_uncached_tokens", "cache_read_tokens", "output_text_tokens")
    return {"call_id": f"c{number:03}", "tenant_id": tenant, "started_at": MIDNIGHT + timedelta(hours=hour, minutes=7),
            "service_provider": "p", "host": "self_hosted", "model": model, "billing_status": "billed",
            "reasoning_tokens": 0, **dict(zip(names, tokens, strict=True))}  # fmt: skip


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    nodes = [node(name, draw(st.integers(1, 3)), draw(prices)) for name in ("m", "n")[: draw(st.integers(1, 2))]]
    deployments = [deployment(row["node_id"], model) for row in nodes for model in "xy" if draw(st.booleans())]
    spans, slices = [], []
    for row in nodes:
        # One GPU more than is paid for may report, or none.
        for gpu in range(draw(st.integers(0, row["gpus"] + 1))):
            cut = draw(st.lists(st.sampled_from(sorted(PROFILES)), max_size=4))
            for minute in sorted(draw(st.sets(st.sampled_from(range(0, 1440, 40)), max_size=4))):
                busy = draw(st.integers(0, 10**6))
                named = [{"slice_id": str(n), "slice_profile": profile} for n, profile in enumerate(cut)]
                slices += [span(row["node_id"], gpu, minute, busy, **one) for one in named]
                spans += [] if cut else [span(row["node_id"], gpu, minute, busy)]
    token_counts = st.tuples(*[st.integers(0, 10**7)] * 3)
    calls = [
        call(number, draw(st.integers(0, 23)), draw(st.sampled_from("ab")), draw(st.sampled_from("xyz")), tokens)
        for number, tokens in enumerate(draw(st.lists(token_counts, max_size=5)))
    ]  # fmt: skip
    engine = [
        {"hour_start": MIDNIGHT + timedelta(hours=hour), "usage_date": DAY, "pool_id": draw(st.sampled_from("mn")),
         "input_uncached_tokens": tokens, "cache_read_tokens": 0, "output_tokens": 0,
         "weighted_tokens": Decimal(tokens), "weighted_output_tokens": Decimal(0)}
        for hour, tokens in draw(st.dictionaries(st.integers(0, 23), st.integers(0, 10**8), max_size=3)).items()
    ]  # fmt: skip
    return Fleet({"nodes": nodes, "deployments": deployments}, [*spans, until(DAY + timedelta(1), "m")],
                 slices=slices, calls=calls, engine=engine)  # fmt: skip


# Each fleet is a whole build: none is built again to make a failing one smaller.
PHASES = (Phase.explicit, Phase.generate)


@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(fleets())
def test_every_layer_hands_on_exactly_what_it_got(fleet: Fleet) -> None:
    paid = {
        row["node_id"]: row["usd"]
        for row in fleet.rows("select node_id, sum(book_cost_usd) as usd from int_gpu_node_costs group by node_id")
    }
    assert paid.keys() == {row.node_id for row in fleet.rates.nodes}
    gpus = {row.node_id: row.gpus for row in fleet.rates.nodes}
    parts = [f"sum({kind}_cost_usd) as {kind}_usd, sum({kind}_seconds) as {kind}" for kind in ("busy", *KINDS)]
    smallest = ", ".join(f"min({kind}_cost_usd), min({kind}_seconds)" for kind in ("busy", *KINDS))
    hours = fleet.rows(f"""
        select node_id, sum(cost_usd) as usd, sum(provisioned_seconds) as seconds, {", ".join(parts)},
            least({smallest}) as smallest
        from gpu_cost_hourly group by node_id""")
    for row in hours:
        assert row["usd"] == paid[row["node_id"]]
        assert row["seconds"] == gpus[row["node_id"]] * 86400
        assert sum(row[f"{kind}_usd"] for kind in ("busy", *KINDS)) == row["usd"]
        assert sum(row[kind] for kind in ("busy", *KINDS)) == row["seconds"]
        assert row["smallest"] >= 0
    total = sum(paid.values(), Decimal(0))
    [charged] = fleet.rows("select sum(amount_usd) as usd, min(amount_usd) as smallest from int_gpu_charges")
    assert (charged["usd"], charged["smallest"] >= 0) == (total, True)
    [week] = fleet.rows("""
        select sum(gpu_cost_usd) as usd, sum(busy_cost_usd) as busy, sum(provisioned_gpu_seconds) as seconds,
            min(least(busy_cost_usd, idle_cost_usd)) as smallest,
            count(*) filter (where prefill_cost_usd + decode_cost_usd <> gpu_cost_usd) as charged_twice
        from self_hosting_weekly""")
    assert week["usd"] == total
    assert week["busy"] == sum((row["busy_usd"] for row in hours), Decimal(0))
    assert week["seconds"] == sum(gpus.values()) * 86400
    assert (week["smallest"] >= 0, week["charged_twice"]) == (True, 0)


def test_a_cut_gpu_is_shared_by_compute_slices() -> None:
    """2 x 1g and 2g of seven, as the A100 of the real samples is cut: three sevenths are nobody's, by the cut."""
    profiles = {"7": "1g.5gb", "9": "1g.5gb", "3": "2g.10gb"}
    slices = [
        span("n", 0, minute, 500_000, slice_id=name, slice_profile=profile)
        for name, profile in profiles.items()
        for minute in (0, 40)
    ]
    rates = {"nodes": [node("n", 2, {"usd_per_gpu_hour": "7"})], "deployments": [deployment("n", "x")]}
    fleet = Fleet(rates, [until(DAY + timedelta(1))], slices=slices)
    found = fleet.rows(f"""
        select slice_id, cost_usd, {", ".join(f"{kind}_cost_usd" for kind in ("busy", *KINDS))} from gpu_cost_hourly
        where hour_start = '2026-08-10' order by gpu_id, slice_id""")
    # Sevenths of an hour are whole microseconds.
    assert [[row.pop("slice_id"), *(round(usd, 6) for usd in row.values())] for row in found] == [
        # 2,400 + 1,200 of 3,600 seconds are covered, half of them busy.
        ["3", 2, 1, 1, 0, 0, 0, 0],
        ["7", 1, Decimal("0.5"), Decimal("0.5"), 0, 0, 0, 0],
        ["9", 1, Decimal("0.5"), Decimal("0.5"), 0, 0, 0, 0],
        ["uncut", 3, 0, 0, 0, 0, 3, 0],
        ["whole", 7, 0, 0, 7, 0, 0, 0],
    ]
    [later] = fleet.rows("""
        select unobserved_cost_usd, warm_idle_cost_usd, busy_cost_usd from gpu_cost_hourly
        where hour_start = '2026-08-10 01:00' and slice_id = '7'""")
    assert later["unobserved_cost_usd"] + later["busy_cost_usd"] + later["warm_idle_cost_usd"] == 1
    assert abs(later["busy_cost_usd"] - Decimal(1) / 6) < Decimal("1e-6")


def test_more_slices_than_a_gpu_has_share_it() -> None:
    """Cut anew at noon, 4g and 3g into 2g: the day's slices have nine parts of it, and none is charged twice."""
    profiles = {"1": "4g.20gb", "2": "3g.20gb", "3": "2g.10gb"}
    slices = [span("n", 0, 0, 0, slice_id=name, slice_profile=profile) for name, profile in profiles.items()]
    fleet = Fleet({"nodes": [node("n", 1, {"usd_per_gpu_hour": "9"})]}, [until(DAY + timedelta(1))], slices=slices)
    found = fleet.rows(
        "select slice_id, cost_usd from gpu_cost_hourly where hour_start = '2026-08-10' order by slice_id"
    )
    assert {row["slice_id"]: row["cost_usd"] for row in found} == {"1": 4, "2": 3, "3": 2}


@pytest.mark.parametrize(
    ("profiles", "whole"),
    [(["1g.24gb", "2g.48gb"], 4), (["1g.24gb", "3g.48gb"], 7), (["1g.24gb+me"], 4), (["1g.6gb"], 4), (["7g.96gb"], 7)],
)
def test_a_profile_of_two_kinds_of_gpu_is_told_by_those_beside_it(profiles: list[str], whole: int) -> None:
    slices = [span("n", 0, 0, 0, slice_id=f"{n}", slice_profile=profile) for n, profile in enumerate(profiles)]
    models = ("int_gpu_node_days", "int_gpu_node_costs", "int_gpu_days", "int_gpu_slice_days")
    rates = {"nodes": [node("n", 1, {"usd_per_gpu_hour": "1"})]}
    fleet = Fleet(rates, [until(DAY + timedelta(1))], slices=slices, models=models)
    [found] = fleet.rows("select distinct total_slices from int_gpu_slice_days where slice_id <> 'whole'")
    assert found["total_slices"] == whole


def test_idle_time_has_a_kind() -> None:
    """Seen without a deployment, and a node of which nothing is seen at all."""
    nodes = [node("n", 1, {"usd_per_gpu_hour": "1"}), node("m", 1, {"usd_per_gpu_hour": "1"})]
    fleet = Fleet({"nodes": nodes}, [span("n", 0, 0, 250_000), until(DAY + timedelta(1), "elsewhere")])
    found = fleet.rows("""
        select node_id, unallocated_seconds, unobserved_seconds, busy_seconds from gpu_cost_hourly
        where hour_start = '2026-08-10' order by node_id""")
    assert [list(row.values()) for row in found] == [["m", 0, 3600, 0], ["n", 1800, 1200, 600]]
    assert {row["meter"] for row in fleet.rows("select meter from int_gpu_charges")} == {
        "gpu_seconds", "unallocated", "unobserved",
    }  # fmt: skip
