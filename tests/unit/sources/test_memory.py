"""What does not fit into the memory that settings allow goes to a folder of the home's own."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sources.memory import Memory, connect, memory_of
from sources.settings.models import Limits
from tests.unit.sources.landed import ROOT


def test_a_laptop_has_enough_without_any_setting(tmp_path: Path) -> None:
    assert memory_of(tmp_path, Limits()) == Memory("1.4GB", tmp_path / "warehouse" / "spill")


@pytest.mark.parametrize(
    ("limit", "gigabytes"),
    [("1.70GB", "1.7"), ("512MiB", "0.536870912"), ("2TB", "2000"), ("4KB", "0.000004"), ("1KiB", "0.000001024"),
     ("3MB", "0.003"), ("1GiB", "1.073741824"), ("1TiB", "1099.511627776")],
)  # fmt: skip
def test_a_limit_is_so_many_gigabytes(tmp_path: Path, limit: str, gigabytes: str) -> None:
    assert Memory(limit, tmp_path).gigabytes == Decimal(gigabytes)


def test_two_homes_never_spill_into_one_folder(tmp_path: Path) -> None:
    limits = Limits(spill_folder=str(tmp_path / "fast"))
    folders = {memory_of(tmp_path / name, limits).spill for name in ("one", "other")}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {tmp_path / "fast"}


def test_what_does_not_fit_is_spilled_there_and_a_killed_run_leaves_nothing(tmp_path: Path) -> None:
    memory = Memory("20MB", tmp_path / "spill")
    memory.spill.mkdir()
    (memory.spill / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("of a killed run")
    with connect(memory=memory.emptied()) as connection:
        assert not memory.spill.exists()
        connection.execute("set threads = 1; set preserve_insertion_order = false")
        connection.execute("create temp table many as select md5(i::varchar) as text from range(1_000_000) as t(i)")
        assert any(memory.spill.iterdir())


def test_more_than_the_memory_is_refused_where_nothing_can_be_spilled(tmp_path: Path) -> None:
    (tmp_path / "spill").write_text("no folder")
    with connect(memory=Memory("20MB", tmp_path / "spill")) as connection, pytest.raises(duckdb.Error):
        connection.execute("create temp table many as select md5(i::varchar) as text from range(2_000_000) as t(i)")


def test_readers_are_bounded_and_share_no_spill(tmp_path: Path) -> None:
    path = tmp_path / "marts.duckdb"
    duckdb.connect(str(path)).close()
    settings = "select current_setting('memory_limit'), current_setting('temp_directory')"
    with connect() as one, connect(limit="300MiB") as other, connect(path, read_only=True) as file:
        found = [connection.execute(settings).fetchone() for connection in (one, other, file)]
        # A second connection to a file that is open takes what the first has.
        with connect(path, read_only=True) as again:
            assert again.execute(settings).fetchone() == found[2]
    limits, spills = zip(*(row for row in found if row), strict=True)
    assert limits == ("1.3 GiB", "210.0 MiB", "1.3 GiB")
    assert len(set(spills)) == 3


def test_every_reader_of_a_file_that_is_open_can_ask_for_a_relation(tmp_path: Path) -> None:
    path = tmp_path / "marts.duckdb"
    duckdb.connect(str(path)).close()
    with connect(path, read_only=True), connect(path, read_only=True) as again:
        assert again.sql("select 1").fetchall() == [(1,)]


@pytest.mark.parametrize("package", ["sources", "assets", "pipelines"])
def test_no_connection_is_opened_past_the_memory_of_the_settings(package: str) -> None:
    """But for one that tries whether a time format is one, and one that people are shown how to open."""
    allowed = {"sources/memory.py", "sources/settings/models.py", "assets/checks.py"}
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        if "duckdb.connect(" in path.read_text(encoding="utf-8")
    }
    assert found <= allowed
