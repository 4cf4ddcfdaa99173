"""self_hosting.yml: what it may say, and the tables it becomes."""

from decimal import Decimal
from typing import Any

import pytest
import yaml

from sources.settings import checks
from sources.settings.self_hosting import SCHEMAS, SHAPES, SelfHosting, check_self_hosting, config_rows
from sources.settings.tables import frame
from sources.settings.text import Document, read_yaml

WORKLOAD: dict[str, Any] = {
    "workload_id": "chat",
    "match": {"model": ["llama", "qwen"], "tenant": "acme"},
    "shape": "steady_b2b",
    "replica": {
        "gpus": 4, "usd_per_gpu_hour": "2.49", "input_tokens_per_second": "7500", "output_tokens_per_second": "1500",
        "bench_to_real": "2",
    },
    "migration_usd": "12000",
    "commitment_months": 13,
    "comparators": [
        {"comparator_id": "together", "kind": "same_model", "service_provider": "together", "model": "llama-turbo"},
        {"comparator_id": "billed", "kind": "own_billed", "match": {"model": "gpt"}, "passing_share": "0.9"},
    ],
}  # fmt: skip


def problems(tmp_path: Any, said: dict[str, Any]) -> list[str]:
    path = tmp_path / "self_hosting.yml"
    path.write_text(yaml.safe_dump(said, sort_keys=False))
    document = read_yaml(path, path.name)
    parsed = checks.parse_document(document, SelfHosting)
    found = list(document.problems)
    if parsed is not None:
        found += check_self_hosting(document, parsed, ["gpu-node-1"], ["llama-70b"])
    return [f"{problem.field}: found {problem.found}; allowed: {problem.allowed}" for problem in found]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"shape": "steady_b2c"}, "shape: found 'steady_b2c'"),
        ({"deployment_id": "llama-70"}, "deployment_id: found 'llama-70'"),
        ({"replica": WORKLOAD["replica"] | {"node_id": "gpu-node-1"}}, "replica.usd_per_gpu_hour: found both"),
        ({"replica": WORKLOAD["replica"] | {"bench_to_real": "0.5"}}, "replica.bench_to_real: found '0.5'"),
        ({"min_replicas": 3, "max_replicas": 2}, "max_replicas: found 2; allowed: no less than min_replicas, 3"),
        ({"comparators": []}, "comparators: found a list"),
        (
            {"comparators": [{"comparator_id": "x", "kind": "same_model", "model": "m"}]},
            "service_provider: found nothing",
        ),
        (
            {"comparators": [WORKLOAD["comparators"][0] | {"passing_share": "0.5"}]},
            "passing_share: found a value; allowed: nothing for kind same_model",
        ),
        (
            {"comparators": [WORKLOAD["comparators"][0]] * 2},
            "comparators: found 'together'; allowed: ids that stand once",
        ),
        ({"flags": ["residency"]}, "did you mean 'data_residency'?"),
    ],
)
def test_what_a_workload_may_not_say(tmp_path: Any, change: dict[str, Any], problem: str) -> None:
    assert problems(tmp_path, {"workloads": [WORKLOAD]}) == []
    found = problems(tmp_path, {"workloads": [WORKLOAD | change]})
    assert len(found) == 1
    assert problem in found[0]


def test_ids_stand_once(tmp_path: Any) -> None:
    found = problems(tmp_path, {"workloads": [WORKLOAD, WORKLOAD]})
    assert found == ["workloads[1].workload_id: found 'chat'; allowed: an id that no other workload has"]


def test_a_workload_becomes_rows_of_exact_types() -> None:
    said = SelfHosting.model_validate({"api_price_change_per_year": "-0.3", "workloads": [WORKLOAD]})
    tables = {name: frame(name, rows) for name, rows in config_rows(said).items()}
    assert {name: dict(table.schema) for name, table in tables.items()} == SCHEMAS
    workload = tables["self_hosting_workloads"].row(0, named=True)
    assert (workload["percentile"], workload["headroom"], workload["spike_reserve"]) == (
        Decimal("0.95"), Decimal("0.2"), 0,
    )  # fmt: skip
    assert workload["overhead_usd_per_month"] is None
    matches = tables["self_hosting_matches"].select("comparator_id", "model", "tenant_id").rows()
    assert matches == [("billed", "gpt", None), (None, "llama", "acme"), (None, "qwen", "acme")]
    shares = tables["self_hosting_comparators"].select("comparator_id", "passing_share").rows()
    assert shares == [("billed", Decimal("0.9")), ("together", Decimal(1))]


def test_a_year_later_the_path_is_exactly_the_yearly_change() -> None:
    said = SelfHosting.model_validate({"api_price_change_per_year": "-0.3", "workloads": [WORKLOAD]})
    months = {row["month_number"]: row for row in config_rows(said)["self_hosting_months"]}
    assert months.keys() == set(range(1, 14))
    assert (months[1]["api_price_factor"], months[1]["discount_factor"]) == (1, 1)
    assert months[13]["api_price_factor"] == Decimal("0.7")
    assert months[13]["discount_factor"] == (1 / Decimal("1.08")).quantize(Decimal("1.000000000000"))
    assert abs(months[7]["api_price_factor"] ** 2 - Decimal("0.7")) < Decimal("1e-11")


def test_each_case_moves_one_input() -> None:
    said = SelfHosting.model_validate({"sensitivity": {"traffic": "0"}, "workloads": [WORKLOAD]})
    cases = {row["case_name"]: row for row in config_rows(said)["self_hosting_cases"]}
    assert cases["api_price_lower"]["api_price_factor"] == Decimal("0.7")
    assert {name for name in cases if name.startswith("traffic")} == set()
    factors = [[value for name, value in row.items() if name.endswith("_factor")] for row in cases.values()]
    assert [sum(value != 1 for value in row) for row in factors] == [0] + [1] * 6


def test_shapes_of_the_company_come_before_the_table() -> None:
    said = SelfHosting.model_validate({"shapes": {"batch": {"percentile": "0.6"}, "own": {"percentile": "1"}}})
    assert said.all_shapes["batch"].percentile == Decimal("0.6")
    assert said.all_shapes["voice"] == SHAPES["voice"]
    assert list(check_self_hosting(Document("self_hosting.yml"), said, [], [])) == []
    assert config_rows(said)["self_hosting_cases"] == []
