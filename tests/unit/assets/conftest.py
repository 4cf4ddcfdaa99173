"""The small marts that the report, export, check and audit tests read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.unit.assets.reports.small_marts import build_marts


@pytest.fixture(scope="session")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Marts in which everything holds; read-only for all tests."""
    return build_marts(tmp_path_factory.mktemp("marts") / "marts.duckdb")


@pytest.fixture
def broken_marts(marts: Path, tmp_path: Path) -> Callable[..., Path]:
    """Marts of their own for one test, after the SQL statements it gives."""

    def build(*changes: str) -> Path:
        path = Path(shutil.copy(marts, tmp_path / "marts.duckdb"))
        with duckdb.connect(str(path)) as connection:
            for change in changes:
                connection.execute(change)
        return path

    return build
