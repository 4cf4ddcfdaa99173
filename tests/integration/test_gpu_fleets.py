"""For any fleet: what is paid for its nodes ends on GPUs and slices, deployments and tenants, to the last digit."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.fleets import COSTS, Fleet, until

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
weights = st.integers(0, 999_999_999).map(lambda n: str(Decimal(n).scaleb(-6)))
hosts: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"vcpus": st.integers(1, 10**6), "memory_gb": st.integers(1, 10**6)},
        optional={"price_weights": st.fixed_dictionaries({"vcpu": weights, "memory_gb": weights})},
    ),
)
PROFILES = {"1g.5gb": 1, "2g.10gb": 2, "3g.20gb": 3, "4g.20gb": 4}


def node(node_id: str, gpus: int, price: Any) -> dict[str, Any]:
    return {"node_id": node_id, "service_provider": "p", "billing_account_id": "a", "gpus": gpus,
            "valid_from": "2026-08-10", **price}  # fmt: skip


def deployment(node_id: str, model: str, gpus: str | None = None, slices: Any = ()) -> dict[str, Any]:
    return {"deployment_id": f"d-{model}", "node_id": node_id, "model_id": model, "model": model, "gpus": gpus,
            "slices": list(slices), "weights": WEIGHTS}  # fmt: skip


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
    nodes = [
        node(name, draw(st.integers(1, 3)), draw(prices) | draw(hosts))
        for name in ("m", "n")[: draw(st.integers(1, 2))]
    ]
    # x has slice 0 of the first GPU, which may be cut otherwise or not be there, y the second GPU, as a whole.
    bound = {"x": {"gpu": "-0", "slice": "0"}, "y": {"gpu": "-1"}}
    shares = {row["node_id"]: draw(st.sampled_from([(None,), ("0.333333", "1", "2.5"), ()])) for row in nodes}
    deployments = [
        deployment(name, model, draw(st.sampled_from(given)))
        if (given := shares[name := row["node_id"]])
        else deployment(name, model, slices=[bound[model] | {"gpu": name + bound[model]["gpu"]}])
        for row in nodes for model in "xy" if draw(st.booleans())
    ]  # fmt: skip
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


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=PHASES)
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
    [split] = fleet.rows("""
        select sum(abs(gpu_part_usd + cpu_part_usd + memory_part_usd - cost_usd)) as unplaced_usd,
            min(least(gpu_part_usd, cpu_part_usd, memory_part_usd)) as smallest
        from gpu_cost_hourly""")
    assert (split["unplaced_usd"], split["smallest"] >= 0) == (0, True)
    assert (
        fleet.rows("""
        select usage_date, node_id from int_gpu_node_shares where share_id <> 'oversubscribed'
        group by all having sum(ends_at - begins_at) <> max(total_millionths)""")
        == []
    )
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
    ("gpu_model", "profiles", "slices"),
    [
        # The kind of GPU says how many slices it has; where nobody knows it, its profiles do.
        ("NVIDIA H100 NVL", ["1g.24gb"] * 4, [2, 2, 2, 2]),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", ["1g.24gb"] * 3, [1, 1, 1, "1 uncut"]),
        ("NVIDIA GH200 480GB", ["1g.12gb", "2g.24gb"], [1, 2, "4 uncut"]),
        (None, ["1g.24gb", "2g.48gb"], [1, 2, "1 uncut"]),
        (None, ["1g.24gb", "3g.48gb"], [1, 3, "3 uncut"]),
        (None, ["1g.24gb+me"], [1, "3 uncut"]),
        (None, ["1g.6gb"], [1, "3 uncut"]),
        (None, ["7g.96gb"], [7]),
        # Two of them hold all of the memory, and nobody can use the compute slice between them.
        ("NVIDIA A100-SXM4-40GB", ["3g.20gb", "3g.20gb"], [4, 4]),
        ("NVIDIA A100-SXM4-40GB", ["3g.20gb", "4g.20gb"], [3, 4]),
        ("NVIDIA A100 80GB PCIe", ["1g.20gb", "1g.10gb"], [2, 1, "5 uncut"]),
        ("NVIDIA H200", ["1g.35gb", "3g.71gb"], [2, 4, "2 uncut"]),
        # A profile of no known form: what the GPU's memory is given to nobody knows.
        ("NVIDIA A100-SXM4-40GB", ["3g.20gb", "1g.xgb"], [3, 1, "3 uncut"]),
    ],
)
def test_slices_are_shared_by_what_there_is_less_of(
    gpu_model: str | None, profiles: list[str], slices: list[int | str]
) -> None:
    spans = [
        span("n", 0, 0, 0, slice_id=f"{n}", slice_profile=profile, gpu_model=gpu_model)
        for n, profile in enumerate(profiles)
    ]
    models = (*COSTS, "int_gpu_days", "int_gpu_slice_days")
    rates = {"nodes": [node("n", 1, {"usd_per_gpu_hour": "1"})]}
    fleet = Fleet(rates, [until(DAY + timedelta(1))], slices=spans, models=models)
    found = fleet.rows("""
        select slice_id, ends_at - begins_at as held, total_slices from int_gpu_slice_days
        where slice_id <> 'whole' order by begins_at""")
    held = [f"{row['held']} uncut" if row["slice_id"] == "uncut" else row["held"] for row in found]
    assert held == slices
    assert {row["total_slices"] for row in found} == {sum(row["held"] for row in found)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # One of four time slices and half of the GPU: a quarter is nobody's, and nobody's to be busy with.
        ((("x", "0.25"), ("y", "0.5")), {"d-x": (900, 225, 225, 1), "d-y": (1800, 450, 450, 2),
                                         "free": (900, 0, 0, 1)}),
        # 150 % given: the bill is split to 100 %, and the half too much is a row without time or money.
        ((("x", "0.5"), ("y", "1")), {"d-x": (1200, 300, 300, "1.333333"), "d-y": (2400, 600, 600, "2.666667"),
                                     "oversubscribed": (0, 0, 0, 0)}),
    ],
)  # fmt: skip
def test_a_gpu_is_shared_by_what_deployments_are_given(given: Any, expected: dict[str, tuple[Any, ...]]) -> None:
    """A GPU for 4 USD an hour, half of the hour seen and half of that busy, whatever the number of pods."""
    rates = {"nodes": [node("n", 1, {"usd_per_gpu_hour": "4"})],
             "deployments": [deployment("n", model, gpus) for model, gpus in given]}  # fmt: skip
    calls = [call(1, 0, "a", "x", (10, 0, 0)), call(2, 0, "b", "y", (1_000_000, 0, 0))]
    spans = [span("n", 0, 0, 500_000) | {"span_us": 1_800_000_000}, until(DAY + timedelta(1), "elsewhere")]
    fleet = Fleet(rates, spans, calls=calls)
    found = fleet.rows("""
        select share_id, provisioned_seconds, busy_seconds, warm_idle_seconds + case
            when share_id = 'free' then 0 else unallocated_seconds end as idle_seconds, cost_usd,
            oversubscribed_seconds, unallocated_seconds
        from gpu_cost_hourly where hour_start = '2026-08-10' order by share_id""")
    assert {
        row["share_id"]: (
            row["provisioned_seconds"],
            row["busy_seconds"],
            row["idle_seconds"],
            round(row["cost_usd"], 6),
        )
        for row in found
    } == {name: (*seconds, Decimal(usd)) for name, (*seconds, usd) in expected.items()}
    assert sum(row["cost_usd"] for row in found) == 4
    over = {row["share_id"]: row["oversubscribed_seconds"] for row in found if row["oversubscribed_seconds"]}
    assert over == ({"oversubscribed": 1800} if "oversubscribed" in expected else {})
    assert [row["unallocated_seconds"] for row in found if row["share_id"] == "free"] == [450] * ("free" in expected)
    # A tenant's tokens weigh within its deployment only: b sent 100,000 times a's, and x is a's alone.
    busy = fleet.rows("select call_id, billed_cost_usd as usd from int_gpu_calls_costed order by call_id")
    assert [round(row["usd"], 6) for row in busy] == [
        round(Decimal(usd) / seconds * busy_seconds, 6)
        for name, (seconds, busy_seconds, _, usd) in expected.items() if name.startswith("d-")
    ]  # fmt: skip
    names = fleet.rows("select deployment_id from self_hosting_weekly where gpu_cost_usd > 0 group by 1 order by 1")
    nobodys = ["unattributed"] if "free" in expected else []
    assert [row["deployment_id"] for row in names] == ["d-x", "d-y", *nobodys]


def test_no_gpu_is_two_deployments() -> None:
    """Given more than there is, held are parts; by tokens, nobody has said whose the GPUs are."""
    gpus = {"m": 1, "n": 2, "o": 4}
    nodes = [node(name, count, {"usd_per_gpu_hour": "1"}) for name, count in gpus.items()]
    deployments = [
        deployment("m", "a", "0.5"), deployment("m", "b", "1"), deployment("n", "c"), deployment("n", "d"),
        deployment("o", "e"),
    ]  # fmt: skip
    models = (*COSTS, "int_gpu_days", "int_gpu_slice_days", "int_gpu_slices_bound", "int_gpu_node_shares",
              "int_gpu_deployment_days")  # fmt: skip
    fleet = Fleet({"nodes": nodes, "deployments": deployments}, [until(DAY + timedelta(1))], models=models)
    held = fleet.rows("select deployment_id, gpus from int_gpu_deployment_days order by deployment_id")
    assert [tuple(row.values()) for row in held] == [
        ("d-a", Decimal("0.333333")), ("d-b", Decimal("0.666666")), ("d-c", None), ("d-d", None), ("d-e", 4),
    ]  # fmt: skip


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
