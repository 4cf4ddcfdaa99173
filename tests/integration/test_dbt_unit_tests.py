"""The unit tests of the dbt models, each with literal rows: `dbt test` on a built home, whose tables give the types."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assets import warehouse
from sources.home import Home
from sources.memory import Memory
from tests.conftest import Company


@pytest.fixture
def home(company_of: Callable[[int], Company], tmp_path: Path) -> Home:
    """The lake of a built home, and a copy of its warehouse: unit tests write into it."""
    built = company_of(7).home
    home = Home(tmp_path)
    home.lake.symlink_to(built.lake)
    shutil.copytree(built.warehouse, home.warehouse)
    return home


def test_every_unit_test_of_the_models_passes(home: Home) -> None:
    done = warehouse.dbt(home, ["test", "--select", "test_type:unit"], Memory("1GB", home.warehouse / "spill"))
    assert done.exception is None
    failed = {str(test.node.name): str(test.message) for test in done.result.results if test.status != "pass"}
    assert failed == {}
    assert done.success
    assert len(done.result.results) > 50
