"""The self-hosting commands on marts that the models built from literal calls."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipelines.cli import cli
from pipelines.self_hosting import INPUTS, REASONS, VERDICTS, SelfHostingError, read_self_hosting
from sources.home import Home, init_home
from tests.unit.dbt_project.rendered import PROJECT, built
from tests.unit.dbt_project.self_hosting_rows import MODELS, REPLICA, call, tables, workload

MEMORY = {
    "layers": 80, "kv_heads": 8, "head_dim": 128, "bytes_per_element": "2", "weights_gb": "70.6", "gpu_memory_gb": "48",
    "context_tokens": 131072,
}  # fmt: skip
MARTS = ("break_even_monthly", "break_even_crossings", "capacity_weekly")


def publish(home: Home, *workloads: dict[str, Any]) -> Home:
    """Calls of June and the first days of July, 900,000 input tokens each five minutes of a working hour."""
    days = [date(2026, 6, 1) + timedelta(n) for n in range(34)]
    calls = [
        call(datetime.combine(day, datetime.min.time()) + timedelta(minutes=5 * n), input_uncached_tokens=900_000)
        for day in days
        for n in range(0, 288, 4)
    ]
    given = tables(calls, {"workloads": list(workloads)}, {"input_uncached": "1", "output": "1"})
    version = home.published / "versions" / "one"
    version.mkdir(parents=True)
    (home.published / "current").symlink_to(version)
    with built(given, *MODELS, "capacity_weekly") as connection:
        connection.execute(f"attach '{version / 'marts.duckdb'}' as marts")
        for mart in MARTS:
            connection.execute(f"create table marts.{mart} as select * from {mart}")
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    replica = REPLICA | {"gpus": 4, "memory": MEMORY}
    busy = workload(shape="steady_b2b", replica=replica, flags=["data_residency"], migration_usd="500")
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
    assert "chat against hosted: the API: the API costs less in the month." in output
    assert "Beside the money, and not in it: data residency." in output


def test_json_has_every_column_and_crossing(home: Home) -> None:
    found = json.loads(run("selfhost", "--home", str(home.root), "--json"))
    (decision,) = found["decisions"]
    assert decision["facts"]["self_hosted_cost_per_month_usd"] == "7200.000000000000"
    assert decision["beside"] == ["data residency"]
    volumes = [row["tokens_per_month"] for row in decision["crossings"]]
    assert volumes[0] == decision["facts"]["break_even_tokens_per_month"]


def test_capacity_shows_replicas_and_memory(home: Home) -> None:
    output = run("capacity", "--home", str(home.root), "--week", "2026-W24")
    assert "P95 tok/s" in output
    assert "a token holds 327,680 bytes of KV cache; 102.2 GB are left for it" in output
    (row,) = json.loads(run("capacity", "--home", str(home.root), "--json"))
    assert (row["week_start"], row["replicas_needed"], row["provisioned_gpus"]) == ("2026-06-22", 1, None)


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
