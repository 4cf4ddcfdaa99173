"""A home is laid out once, found by option or environment, and keeps its key to its owner."""

import stat
from pathlib import Path

import pytest
import yaml

from sources.home import LANDING_TABLES, Home, HomeError, init_home


def test_init_lays_out_settings_and_landing_folders(tmp_path: Path) -> None:
    home = init_home(tmp_path / "home")
    assert {path.name for path in home.config.iterdir()} == {
        "inferledger.yml",
        "contracts.yml",
        "gpu_rates.yml",
        "allocation.yml",
        "cost_nature.yml",
        "gl_map.csv",
        "markups.csv",
        "token_budgets.csv",
        "budgets.csv",
        "plan.csv",
        "anomaly_states.csv",
        "disputes.csv",
        "tenants.csv",
        "features.csv",
        "teams.csv",
        "kubernetes_pods.csv",
        "api_keys.csv",
        "billing_accounts.csv",
        "fx_rates.csv",
        "feeds.yml",
        "self_hosting.yml",
        "people.csv",
        "tco.yml",
        "scenarios.yml",
        "model_policy.yml",
        "hash_key",
    }
    assert all((home.landing / feed / table).is_dir() for feed, table in LANDING_TABLES)
    assert yaml.safe_load((home.dagster / "dagster.yaml").read_text())["telemetry"] == {"enabled": False}


def test_init_never_overwrites(tmp_path: Path) -> None:
    home = init_home(tmp_path)
    (home.config / "tenants.csv").write_text("mine")
    key = home.hash_key()
    init_home(tmp_path)
    assert (home.config / "tenants.csv").read_text() == "mine"
    assert home.hash_key() == key


def test_the_hash_key_is_random_and_private(tmp_path: Path) -> None:
    first, second = init_home(tmp_path / "a"), init_home(tmp_path / "b")
    assert first.hash_key() != second.hash_key()
    assert first.hash_key_id() != second.hash_key_id()
    assert stat.S_IMODE(first.hash_key_file.stat().st_mode) == 0o600


def test_the_hash_key_of_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERLEDGER_HASH_KEY", "from the vault")
    home = init_home(tmp_path)
    assert not home.hash_key_file.exists()
    assert home.hash_key() == b"from the vault"


def test_a_missing_or_empty_hash_key_is_an_error(tmp_path: Path) -> None:
    home = init_home(tmp_path)
    home.hash_key_file.write_text("\n")
    with pytest.raises(HomeError, match="empty"):
        home.hash_key()
    home.hash_key_file.unlink()
    with pytest.raises(HomeError, match="INFERLEDGER_HASH_KEY"):
        home.hash_key()


def test_find_takes_the_option_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = init_home(tmp_path / "a"), init_home(tmp_path / "b")
    monkeypatch.setenv("INFERLEDGER_HOME", str(b.root))
    assert Home.find(a.root) == a
    assert Home.find() == b


def test_find_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INFERLEDGER_HOME", raising=False)
    with pytest.raises(HomeError, match="--home DIR or set INFERLEDGER_HOME"):
        Home.find()
    with pytest.raises(HomeError, match=r"no config/inferledger\.yml"):
        Home.find(tmp_path)
