"""What gpu_rates.yml may say, and what becomes of it."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from sources.settings.gpu_rates import GpuRates, config_rows

NODE = {"node_id": "n", "service_provider": "p", "billing_account_id": "a", "gpus": 8}
RESERVED = {"rate": "reserved", "share": "0.75", "usd_per_gpu_hour": "1.89"}
SPOT = {"rate": "spot", "share": "0.25", "usd_per_gpu_hour": "1.10"}
OWNED = {"capex_usd": "280000", "life_years": "5", "discount_rate": "0.08"}


def tables(**node: Any) -> dict[str, list[dict[str, Any]]]:
    rates = GpuRates.model_validate({"nodes": [NODE | node]})
    return config_rows(rates.nodes, rates.deployments)


def lines(**node: Any) -> dict[tuple[str, str], Decimal]:
    return {(row["line"], row["per"]): row["usd"] for row in tables(**node)["gpu_node_lines"]}


def test_a_blend_is_a_line_for_each_rate_and_their_mean() -> None:
    assert lines(blend=[RESERVED, SPOT]) == {
        ("reserved", "gpu_hour"): Decimal("1.4175"),
        ("spot", "gpu_hour"): Decimal("0.275"),
    }
    assert tables(blend=[RESERVED, SPOT])["gpu_nodes"][0]["usd_per_gpu_hour"] == Decimal("1.6925")
    assert lines(usd_per_gpu_hour="2", rate="spot") == {("spot", "gpu_hour"): 2}


def test_owned_hardware_is_its_wear_its_power_and_its_place() -> None:
    place = {"line": "colo", "usd": "150", "per": "kw_month"}
    power = {"power_kw": "10", "usd_per_kwh": "0.11", "pue": "1.3"}
    said = OWNED | power | {"residual_usd": "28000", "costs": [place]}
    found = lines(owned=said)
    assert found == {("depreciation", "life"): 252000, ("power", "hour"): Decimal("1.43"), ("colo", "month"): 1500}
    [node] = tables(owned=said)["gpu_nodes"]
    assert (node["usd_per_gpu_hour"], node["life_months"]) == (None, 60)
    assert node["growth_factor"] == Decimal("1.08") ** 5 // Decimal("1e-12") * Decimal("1e-12")
    [power_line] = [
        row
        for row in tables(owned=said | {"energy": "measured", "server_factor": "1.2"})["gpu_node_lines"]
        if row["line"] == "power"
    ]
    assert (power_line["per"], power_line["usd"], power_line["unmeasured_usd"]) == (
        "kwh", Decimal("0.1716"), Decimal("0.17875"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("node", "field", "found"),
    [
        ({}, "usd_per_gpu_hour", "none"),
        ({"usd_per_gpu_hour": "2", "owned": OWNED}, "usd_per_gpu_hour", "usd_per_gpu_hour and owned"),
        ({"blend": [RESERVED]}, "blend", "shares of 0.75"),
        ({"usd_per_gpu_hour": "2", "vcpus": 64}, "memory_gb", "nothing"),
        ({"usd_per_gpu_hour": "2", "price_weights": {"gpu": "9"}}, "price_weights", "weights"),
        ({"usd_per_gpu_hour": "2", "vcpus": 64, "memory_gb": 488,
          "price_weights": dict.fromkeys(("gpu", "vcpu", "memory_gb"), "0")}, "price_weights", "only zeros"),
        ({"usd_per_gpu_hour": "2", "committed_usd_per_gpu_hour": "2"}, "committed_usd_per_gpu_hour", "2"),
        ({"owned": OWNED, "committed_usd_per_gpu_hour": "1"}, "committed_usd_per_gpu_hour", "1"),
        ({"usd_per_gpu_hour": "2", "rate": "spot", "committed_usd_per_gpu_hour": "1"},
         "committed_usd_per_gpu_hour", "1"),
        ({"owned": OWNED | {"residual_usd": "280001"}}, "residual_usd", "280001"),
        ({"owned": OWNED | {"life_years": "2.51"}}, "life_years", "2.51"),
        ({"owned": OWNED | {"usd_per_kwh": "0.1"}}, "power_kw", "nothing"),
        ({"owned": OWNED | {"energy": "measured", "power_kw": "10"}}, "usd_per_kwh", "nothing"),
        ({"owned": OWNED | {"costs": [{"line": "colo", "usd": "1", "per": "kw_month"}]}}, "power_kw", "nothing"),
        (
            {"owned": OWNED | {"power_kw": "1", "usd_per_kwh": "1", "costs": [{"line": "power", "usd": "1"}]}},
            "costs",
            "power",
        ),
        (
            {"owned": OWNED | {"in_service_from": "2026-02-01"}, "valid_from": "2026-01-01"},
            "owned.in_service_from",
            "2026-02-01",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(node: dict[str, Any], field: str, found: str) -> None:
    with pytest.raises(ValidationError) as caught:
        tables(**node)
    [problem] = caught.value.errors()
    assert (problem["ctx"]["field"], problem["ctx"]["found"]) == (field, found)
