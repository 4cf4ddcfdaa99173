"""The hand-built marts have the columns and types of the dbt contracts: else the tests test another report."""

from pathlib import Path

import duckdb
import yaml

MODELS = Path(__file__).parents[4] / "dbt_project" / "models" / "marts"


def published() -> dict[str, dict[str, str]]:
    """Columns and types of every mart, from its contract."""
    return {
        model["name"]: {column["name"]: _type(column["data_type"]) for column in model["columns"]}
        for path in sorted(MODELS.rglob("_*__models.yml"))
        for model in yaml.safe_load(path.read_text())["models"]
    }


def _type(name: str) -> str:
    return {"string": "varchar"}.get(name.lower(), name.lower()).replace(" ", "")


def test_small_marts_are_what_dbt_publishes(marts: Path) -> None:
    contracts = published()
    with duckdb.connect(str(marts), read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns"
        ).fetchall()
    wrong = [
        f"{table}.{column} is {kind}, the contract says {contracts.get(table, {}).get(column, 'nothing')}"
        for table, column, kind in columns
        if contracts.get(table, {}).get(column) != _type(kind)
    ]
    assert wrong == []
