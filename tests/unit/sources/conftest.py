from pathlib import Path

import pytest

from tests.unit.sources.landed import LandedHome


@pytest.fixture
def home(tmp_path: Path) -> LandedHome:
    return LandedHome(tmp_path / "home")
