"""The exposures of the dbt project name every mart that the code behind them reads, and no other."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
MARTS = {path.stem for path in (ROOT / "dbt_project/models/marts").glob("**/*.sql")}
EXPOSURES = {
    exposure["name"]: {ref[5:-2] for ref in exposure["depends_on"]}
    for exposure in yaml.safe_load((ROOT / "dbt_project/models/marts/_exposures.yml").read_text())["exposures"]
}
# The explorer asks the report's queries only which weeks there are, and what the months cost and will.
OF_THE_REPORT = {"cost_per_tenant_weekly", "forecast_monthly", "unit_economics_daily"}
CODE = {
    "weekly_report": ["assets/reports/queries.py", "assets/reports/status_queries.py"],
    "explorer": ["assets/reports/explorer_queries.py"],
    "chargeback": ["assets/exports/chargeback.py"],
    "journal": ["assets/exports/journal.py"],
    "statements": ["assets/exports/statements.py", "assets/exports/chargeback.py"],
    "focus_export": ["assets/exports/focus"],
    "budget_caps": ["assets/exports/caps.py"],
    "month_end": ["assets/accounting"],
    "command_line": ["pipelines"],
}


def marts_read(*places: str) -> set[str]:
    """The marts that stand after `from` or `join` in the files of the places."""
    files = (ROOT / place for place in places)
    found = (file for path in files for file in ([path] if path.is_file() else path.rglob("*")))
    texts = (file.read_text() for file in found if file.suffix in (".py", ".sql"))
    named = {name for text in texts for name in re.findall(r"\b(?:from|join)\s+(\w+)", text)}
    return named & MARTS


@pytest.mark.parametrize("name", CODE)
def test_an_exposure_names_what_is_read(name: str) -> None:
    read = marts_read(*CODE[name])
    assert read, "no mart is read: the code has moved"
    assert EXPOSURES[name] == (read | OF_THE_REPORT if name == "explorer" else read)


def test_every_exposure_has_its_code() -> None:
    assert EXPOSURES.keys() == CODE.keys()


def test_every_export_and_page_has_an_exposure() -> None:
    exports = {
        path.stem for path in (ROOT / "assets/exports").glob("*.py") if marts_read(f"assets/exports/{path.name}")
    }
    assert exports <= {Path(place).stem for places in CODE.values() for place in places}
