"""The self-hosting commands on marts that the models built from literal calls."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assets.publish import DATABASE
from assets.reports.verdicts import INPUTS, REASONS, VERDICTS
from pipelines.cli import cli
from pipelines.self_hosting import SelfHostingError, read_self_hosting
from sources.home import Home, init_home
from tests.unit.dbt_project.rendered import PROJECT, built
from tests.unit.dbt_project.self_hosting_rows import MODELS, REPLICA, call, tables, workload

MEMORY = {
    "layers": 80, "kv_heads": 8, "head_dim": 128, "bytes_per_element": "2", "weights_gb": "70.6", "gpu_memory_gb": "48",
    "context_tokens": 131072,
}  # fmt: skip
MARTS = ("break_even_monthly", "break_even_crossings", "capacity_weekly", "hardware_costs", "rules_of_thumb_monthly")

# Two tenants of a deployment: 700 USD for 10 million tokens, a quarter of the time busy.
OWN_WEEK = """
    create table marts.self_hosting_weekly as
    select
        date '2026-06-22' as week_start, 'llama' as deployment_id, usd::decimal(38, 12) as gpu_cost_usd,
        tokens::bigint as total_tokens, busy as busy_gpu_seconds, 800 as provisioned_gpu_seconds
    from (values (500, 4000000, 100), (200, 6000000, 300)) as rows(usd, tokens, busy)
"""


def publish(home: Home, *workloads: dict[str, Any]) -> Home:
    """Calls of June and the first days of July, 900,000 input tokens each five minutes of a working hour."""
    days = [date(2026, 6, 1) + timedelta(n) for n in range(34)]
    calls = [
        call(datetime.combine(day, datetime.min.time()) + timedelta(minutes=5 * n), input_uncached_tokens=900_000)
        for day in days
        for n in range(0, 288, 4)
    ]
    # Half of a GPU and three whole ones.
    deployed = [
        {"usage_date": date(2026, 6, 24), "node_id": node, "deployment_id": "llama", "gpus": Decimal(gpus)}
        for node, gpus in (("a", "0.5"), ("b", "3"))
    ]
    given = tables(calls, {"workloads": list(workloads)}, {"input_uncached": "1", "output": "1"}, deployed=deployed)
    with built(given, *MODELS, "capacity_weekly", "hardware_costs") as connection:
        connection.execute(f"attach '{home.published / DATABASE}' as marts")
        connection.execute(OWN_WEEK)
        for mart in MARTS:
            connection.execute(f"create table marts.{mart} as select * from {mart}")
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    replica = REPLICA | {"gpus": 4, "memory": MEMORY}
    busy = workload(
        shape="steady_b2b", replica=replica, flags=["data_residency"], migration_usd="500", deployment_id="llama"
    )
    return publish(init_home(tmp_path_factory.mktemp("home")), busy)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def test_the_last_month_that_is_over_comes_first(home: Home) -> None:
    found = read_self_hosting(home)
    assert (found.month, found.months) == (date(2026, 6, 1), [date(2026, 6, 1), date(2026, 7, 1)])
    assert read_self_hosting(home, date(2026, 7, 1)).decisions[0].facts["covered_days"] == 4
    with pytest.raises(SelfHostingError, match="no calls of a workload in 2026-05; there are 2026-06, 2026-07"):
        read_self_hosting(home, date(2026, 5, 1))


def test_a_verdict_is_said_in_words_with_what_is_beside_it(home: Home) -> None:
    output = run("selfhost", "--home", str(home.root))
    assert "A month costs 1,944.00 USD there and 7,200.00 on 1 replica." in output
    assert "chat against hosted: use the API: the API costs less in the month." in output
    assert "Beside the money, and not in it: data residency." in output


def test_json_has_every_column_and_crossing(home: Home) -> None:
    found = json.loads(run("selfhost", "--home", str(home.root), "--json"))
    (decision,) = found["decisions"]
    assert decision["facts"]["self_hosted_cost_per_month_usd"] == "7200.000000000000"
    assert decision["beside"] == ["data residency"]
    volumes = [row["tokens_per_month"] for row in decision["crossings"]]
    assert volumes[0] == decision["facts"]["break_even_tokens_per_month"]


def test_rules_of_thumb_stand_beside_the_companys_own_figures(home: Home) -> None:
    """1,944 USD and 1.944 billion tokens a month, and an API that costs less."""
    output = run("selfhost", "--home", str(home.root))
    assert "1,944 here, below 4,200 to 5,000: holds" in output
    assert "23,328,000,000 here, above 20,000,000,000: does not hold" in output
    assert "1 here, below 2 to 3.5; for another kind of company, or has_gpu_platform is not said" in output
    rules = {
        row["rule_id"]: row for row in json.loads(run("selfhost", "--home", str(home.root), "--json"))["rules_of_thumb"]
    }
    assert (rules["steady_50m_a_day"]["place"], rules["steady_50m_a_day"]["holds"]) == ("within", None)
    assert rules["only_beyond_twice"]["company_figure"] == pytest.approx(0.27)


def test_the_catalogue_stands_beside_what_the_company_runs(home: Home) -> None:
    output = run("selfhost", "--home", str(home.root), "--hardware", "--utilisation", "100")
    assert "8x NVIDIA H100 SXM" in output
    costs = json.loads(run("selfhost", "--home", str(home.root), "--hardware", "--utilisation", "100", "--json"))
    (low,) = [row for row in costs["catalogue"] if (row["hardware_id"], row["basis"]) == ("h100-sxm-8", "rented_low")]
    # 15 USD an hour over half of 3,000 output tokens a second.
    assert low["cost_per_mtok_output_usd"] == "2.777777777778"
    assert {row["basis"] for row in costs["catalogue"]} == {"rented_low", "rented_high"}
    (own,) = costs["own"]
    assert (own["tokens"], own["cost_per_mtok_usd"], own["utilisation"]) == (10_000_000, 70.0, 0.25)


def test_capacity_shows_replicas_and_memory(home: Home) -> None:
    output = run("capacity", "--home", str(home.root), "--week", "2026-W24")
    assert "P95 tok/s" in output
    assert "a token holds 327,680 bytes of KV cache; 102.2 GB are left for it" in output
    (row,) = json.loads(run("capacity", "--home", str(home.root), "--json"))
    assert (row["week_start"], row["replicas_needed"], row["provisioned_gpus"]) == ("2026-06-22", 1, "3.500000")
    assert " 3.5 " in run("capacity", "--home", str(home.root))


def test_a_home_without_workloads_says_where_to_write_them(tmp_path: Path) -> None:
    home = publish(init_home(tmp_path))
    for command in ("selfhost", "capacity"):
        result = CliRunner().invoke(cli, [command, "--home", str(home.root)])
        assert result.exit_code == 2
        assert "self_hosting.yml: no workload in it has calls" in result.output


def test_every_word_of_the_mart_has_words() -> None:
    model = (PROJECT / "models/intermediate/self_hosting/int_break_even_verdicts.sql").read_text()
    assert all(f"'{reason}'" in model for reason in REASONS)
    assert all(f"'{verdict}'" in model for verdict in VERDICTS)
    assert INPUTS.keys() == {"api_price", "gpu_rate", "throughput", "traffic"}
