"""A home of which small marts are published, up to date, in the middle of November 2026."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from assets.accounting import closing
from assets.accounting.closing import Closing, close_period
from assets.accounting.snapshots import write_closed_ledger
from assets.exports import EXPORTS
from assets.publish import Manifest, current_manifest, publish
from assets.warehouse import mark_applied, read_inputs
from sources.clock import NOW_VARIABLE
from sources.home import Home, init_home
from sources.settings import load_settings

Publish = Callable[..., Manifest]
Close = Callable[..., Closing]
# The marts begin on the last day of August: without it, September is the first month.
FIRST_MONTH = [
    f"delete from {mart} where posting_period = '2026-08'"
    for mart in ("fct_allocations", "chargeback_lines", "fct_charges")
]


@pytest.fixture(scope="session")
def published(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small marts as they are, published: a later version takes over every file of them that did not change."""
    home = init_home(tmp_path_factory.mktemp("published"))
    build_file(home, marts)
    publish(home, "before", lambda *_: None, keep=1)
    return home.published


def build_file(home: Home, marts: Path, *changes: str) -> None:
    path = Path(shutil.copy(marts, home.warehouse / "build.duckdb"))
    with duckdb.connect(str(path)) as connection:
        for change in (*FIRST_MONTH, *changes):
            connection.execute(change)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: Path) -> Home:
    monkeypatch.setenv(NOW_VARIABLE, "2026-11-18T06:00:00Z")
    # The small marts are enough for these.
    monkeypatch.setattr(closing, "EXPORTS", {name: EXPORTS[name] for name in ("chargeback", "journal")})
    home = init_home(tmp_path / "home")
    shutil.copytree(published, home.published, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
    return home


@pytest.fixture
def publish_marts(home: Home, marts: Path) -> Publish:
    """Publishes the small marts after the SQL statements it gives, as a run would."""

    def build(*changes: str) -> Manifest:
        write_closed_ledger(home)
        build_file(home, marts, *changes)
        inputs = read_inputs(home)
        shutil.rmtree(home.published / "versions" / inputs.version_id, ignore_errors=True)
        manifest = publish(home, inputs.version_id, lambda *_: None, keep=2).manifest
        mark_applied(home, inputs)
        return manifest

    return build


@pytest.fixture
def close(home: Home) -> Close:
    """Closes a period of the home as ann and bob would."""

    def close_it(period: str, **given: object) -> Closing:
        manifest = current_manifest(home)
        assert manifest
        people = {"preparer": "ann", "approver": "bob", "overrides": {}}
        return close_period(home, load_settings(home), manifest, period, **{**people, **given})  # type: ignore[arg-type]

    return close_it
