"""One small company, built once for all tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from examples.company.build import build

SCALE, SEED = 0.03, 7


@dataclass(frozen=True)
class Company:
    """A built company and its truth, read back from the files."""

    root: Path
    calls: pl.DataFrame

    @property
    def landing(self) -> Path:
        return self.root / "home" / "landing"

    def truth(self, name: str) -> pl.DataFrame:
        """A CSV file of the truth; amounts stay text."""
        return pl.read_csv(self.root / "truth" / f"{name}.csv", infer_schema=False)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    root = tmp_path_factory.mktemp("company")
    build(root, scale=SCALE, seed=SEED, report=lambda _: None)
    return Company(root, pl.read_parquet(root / "truth" / "calls.parquet"))
