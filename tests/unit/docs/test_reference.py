"""The reference pages say what the code says."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from docs import generate
from sources.home import init_home
from sources.settings import models

PAGES = generate.pages()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_code_says(name: str) -> None:
    written = (generate.REFERENCE / name).read_text()
    assert written == PAGES[name], f"docs/reference/{name} is stale: run `make docs` and commit it"


def test_every_settings_file_of_a_home_is_described(tmp_path: Path) -> None:
    config = init_home(tmp_path).config
    assert {path.name for path in config.iterdir()} - {"hash_key"} == generate.SETTINGS.keys()


def test_every_variable_the_code_reads_is_described() -> None:
    # dbt is given these by the run itself.
    given = ("LAKE", "WAREHOUSE", "MEMORY_LIMIT", "SPILL", "BUILD", "CALLS_KEPT")
    internal = {f"INFERLEDGER_{name}" for name in given}
    files = [path for folder in ("sources", "assets", "pipelines") for path in (generate.ROOT / folder).rglob("*.py")]
    read = {name for path in files for name in re.findall(r"INFERLEDGER_[A-Z_]+", path.read_text())}
    described = set(re.findall(r"`(INFERLEDGER_[A-Z_]+)`", PAGES["settings.md"]))
    assert described == read - internal


def test_a_setting_without_a_meaning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Renamed(BaseModel):
        tenant: str

    monkeypatch.setattr(generate, "SETTINGS", {**generate.SETTINGS, "tenants.csv": Renamed})
    with pytest.raises(generate.StaleMeaningError, match=r"tenants\.csv: missing \['tenant'\], gone \['cost_center'"):
        generate.pages()


def test_bounds_and_defaults_come_from_the_model() -> None:
    found = {path: (allowed, default) for path, allowed, default in generate.fields(models.General)}
    assert found["limits.unpriced_share"] == ("number, >= 0, <= 1, at most 6 decimals", "`0.001`")
    assert found["expected_files[].cadence"] == ("`daily`, `weekly`", "required")
    assert found["default_tenant"] == ("text", "none")
