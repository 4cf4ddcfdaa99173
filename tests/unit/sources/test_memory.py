"""What does not fit into the memory that settings allow goes to a folder of the home's own."""

from pathlib import Path

import duckdb

from sources.memory import Memory, memory_of
from sources.settings.models import Limits


def test_a_laptop_has_enough_without_any_setting(tmp_path: Path) -> None:
    assert memory_of(tmp_path, Limits()) == Memory("2GB", tmp_path / "warehouse" / "spill")


def test_two_homes_never_spill_into_one_folder(tmp_path: Path) -> None:
    limits = Limits(spill_folder=str(tmp_path / "fast"))
    folders = {memory_of(tmp_path / name, limits).spill for name in ("one", "other")}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {tmp_path / "fast"}


def test_what_does_not_fit_is_spilled_there_and_a_killed_run_leaves_nothing(tmp_path: Path) -> None:
    memory = Memory("20MB", tmp_path / "spill")
    memory.spill.mkdir()
    (memory.spill / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("of a killed run")
    with duckdb.connect(config=memory.emptied().config()) as connection:
        assert not memory.spill.exists()
        connection.execute("set threads = 1; set preserve_insertion_order = false")
        connection.execute("create temp table many as select md5(i::varchar) as text from range(1_000_000) as t(i)")
        assert any(memory.spill.iterdir())
