"""Calls go by age, of closed months alone, with what was made of them kept first: the ledger's word is the commit."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from assets import kept
from assets.kept import CallsGone, let_calls_go, require_kept, why_calls_stay
from assets.touched import read_files
from assets.warehouse import PROJECT, Inputs, folder_hash, mark_built
from sources.clock import NOW_VARIABLE
from sources.home import Home, HomeError, init_home
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.settings import Settings, load_settings
from tests.unit.sources.landed import LandedHome, log_lines, log_row
from tests.unit.sources.test_ingest import Killed

LOG = "litellm/spend_logs"
# A Tuesday: of its week, the Monday stays.
SEPTEMBER, MONDAY = date(2026, 9, 1), date(2026, 8, 31)
DAYS = ("2026-08-10", "2026-08-30", "2026-08-31", "2026-09-30", "2026-11-15")
# What the last build made of calls: model, its file, the column of its day, rows.
TABLES = {
    "int_uses": ("work", "usage_date", "'a'::varchar as name, 1.5::decimal(26, 12) as cost_usd", DAYS),
    "uses_weekly": ("build", "week_start", "2::bigint as calls", ("2026-08-10", "2026-08-24", "2026-08-31")),
    "int_uses_monthly": ("work", "month_start", "null::timestamp as first_at", ("2026-08-01", "2026-09-01")),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Calls of five days, each in a file of its own, and of two days in a sixth; as built, with August closed."""
    monkeypatch.setenv(NOW_VARIABLE, "2026-11-18T06:00:00Z")
    home = init_home(tmp_path)
    for day in DAYS:
        land(home, day, day)
    land(home, "reaches over", "2026-08-29", "2026-09-02")
    LandedHome(home.root).ingest()
    closed(home, "2026-08")
    built(home)
    return home


def land(home: Home, name: str, *days: str) -> None:
    rows = [log_row(request_id=f"{name} {day}", startTime=f"{day} 05:00:00", endTime=f"{day} 05:00:01") for day in days]
    LandedHome(home.root).land(f"{LOG}/{name}.ndjson", log_lines(*rows))


def closed(home: Home, period: str) -> None:
    path = home.closed / period / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"closed_at": "2026-11-17T06:00:00Z"}))


def built(home: Home, linked: Iterable[tuple[str, str]] = (), tables: Iterable[str] = TABLES) -> None:
    """A complete build by the rules there are, with these days that share calls."""
    for name in ("build", "work"):
        (home.warehouse / f"{name}.duckdb").unlink(missing_ok=True)
        with duckdb.connect(home.warehouse / f"{name}.duckdb") as connection:
            for table, (place, column, others, days) in TABLES.items():
                if place == name:
                    listed = ", ".join(f"'{day}'" for day in reversed(days))
                    rows = f"select day::date as {column}, {others} from unnest([{listed}]) as days(day)"
                    connection.execute(f"create table {table} as {rows}")
            if name == "work":
                connection.execute("create table int_usage_linked_days (usage_date date, linked_date date)")
                for pair in linked:
                    connection.execute("insert into int_usage_linked_days values (?, ?)", pair)
    parts = {"rules": folder_hash(PROJECT)}
    base = {
        "parts": parts,
        "files": read_files(home),
        "unbounded": [],
        "kept": {table: TABLES[table][1] for table in tables},
    }
    (home.warehouse / "last_build.json").write_text(json.dumps(base))
    mark_built(home, Inputs(parts))


def settings_of(home: Home, calls_days: int | None = 62) -> Settings:
    settings = load_settings(home)
    retention = settings.general.retention.model_copy(update={"calls_days": calls_days})
    return replace(settings, general=settings.general.model_copy(update={"retention": retention}))


def lake_days(home: Home) -> list[str]:
    return sorted(str(moment.date()) for moment in LandedHome(home.root).lake(LOG)["started_at"])


def kept_rows(home: Home, table: str, name: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"from read_parquet('{home.lake}/kept/{table}/{name}')").fetchall()


def kept_names(home: Home) -> set[tuple[str, str]]:
    return {(path.parent.name, path.name) for path in (home.lake / "kept").rglob("before-*")}


def test_calls_go_by_month_and_week_and_what_was_made_of_them_is_kept(home: Home) -> None:
    assert let_calls_go(home, settings_of(home)) == CallsGone(MONDAY, SEPTEMBER, 2)
    name = "before-2026-08-31.parquet"
    assert kept_names(home) == {(table, name) for table in TABLES}
    assert [str(row[0]) for row in kept_rows(home, "int_uses", name)] == ["2026-08-10", "2026-08-30"]
    assert [str(row[0]) for row in kept_rows(home, "uses_weekly", name)] == ["2026-08-10", "2026-08-24"]
    assert kept_rows(home, "int_uses_monthly", name) == [(date(2026, 8, 1), None)]
    with duckdb.connect() as connection:
        described = connection.execute(f"describe from '{home.lake}/kept/int_uses/{name}'").fetchall()
    assert [column[:2] for column in described] == [
        ("usage_date", "DATE"),
        ("name", "VARCHAR"),
        ("cost_usd", "DECIMAL(26,12)"),
    ]
    # One file reaches over the Monday and stays whole.
    assert lake_days(home) == ["2026-08-29", "2026-08-31", "2026-09-02", "2026-09-30", "2026-11-15"]
    assert LandedHome(home.root).meta("first_days").rows() == [(date(1970, 1, 1), MONDAY)]
    require_kept(home)
    assert let_calls_go(home, settings_of(home)) is None

    # Of the next month, with what was kept before beside it.
    closed(home, "2026-09")
    assert let_calls_go(home, settings_of(home, 40)) == CallsGone(date(2026, 9, 28), date(2026, 10, 1), 2)
    second = "before-2026-09-28.parquet"
    assert kept_names(home) == {(table, file) for table in TABLES for file in (name, second)}
    assert [str(row[0]) for row in kept_rows(home, "int_uses", second)] == ["2026-08-31"]
    assert [str(row[0]) for row in kept_rows(home, "uses_weekly", second)] == ["2026-08-31"]
    assert kept_rows(home, "int_uses_monthly", second) == [(date(2026, 9, 1), None)]
    assert lake_days(home) == ["2026-09-30", "2026-11-15"]
    require_kept(home)
    (home.lake / "kept/uses_weekly" / name).unlink()
    with pytest.raises(HomeError, match=rf"uses_weekly/{name}: not there\. Nothing was built, as samples or calls"):
        require_kept(home)


@pytest.mark.parametrize("pair", [("2026-08-30", "2026-09-30"), ("2026-09-30", "2026-08-30")])
def test_a_day_whose_lines_decide_about_calls_that_stay_stays_itself(home: Home, pair: tuple[str, str]) -> None:
    built(home, [pair, ("2026-08-10", "2026-08-30"), ("2026-08-30", "2026-08-10")])
    assert let_calls_go(home, settings_of(home)) == CallsGone(MONDAY, SEPTEMBER, 1)
    assert lake_days(home)[:2] == ["2026-08-29", "2026-08-30"]
    assert [str(row[0]) for row in kept_rows(home, "int_uses", "before-2026-08-31.parquet")][1] == "2026-08-30"
    # Looked at again when later calls go: both are older than those then.
    for month in ("2026-09", "2026-10"):
        closed(home, month)
    assert let_calls_go(home, settings_of(home, 14)) == CallsGone(date(2026, 10, 26), date(2026, 11, 1), 4)
    assert lake_days(home) == ["2026-11-15"]


def test_merged_files_go_when_all_that_lies_in_them_is_old(home: Home) -> None:
    LandedHome(home.root).merge()
    with FileLedger(ledger_path(home.root)) as ledger:
        assert {row.merged_into is None for row in ledger.rows("path like '%2026-08%'")} == {False}
    assert let_calls_go(home, settings_of(home)) == CallsGone(MONDAY, SEPTEMBER, 0)
    assert len(lake_days(home)) == 7
    closed(home, "2026-09")
    assert let_calls_go(home, settings_of(home, 40)) == CallsGone(date(2026, 9, 28), date(2026, 10, 1), 1)
    assert lake_days(home) == ["2026-09-30", "2026-11-15"]


def test_a_kill_leaves_calls_whole_or_gone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lake_days(home)

    def killed(*arguments: object) -> None:
        raise Killed

    for target, name in ((kept, "put"), (FileLedger, "keep_calls")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, killed)
            with pytest.raises(Killed):
                let_calls_go(home, settings_of(home))
        assert LandedHome(home.root).ingest().files_unchanged == 6
        assert lake_days(home) == before
        assert LandedHome(home.root).meta("first_days").rows() == [(date(1970, 1, 1),) * 2]
    # Written before the ledger's word, in an attempt that a later day took the place of: it goes.
    stray = home.lake / "kept/int_uses/before-2026-08-24.parquet"
    stray.touch()
    with monkeypatch.context() as patch:
        patch.setattr(kept, "export_kept_days", killed)
        with pytest.raises(Killed):
            let_calls_go(home, settings_of(home))
    assert not stray.exists()
    assert lake_days(home) == before
    require_kept(home)
    # The ledger has said it: the next run sweeps away what was left, and keeps nothing twice.
    assert let_calls_go(home, settings_of(home)) is None
    assert LandedHome(home.root).ingest().files_unchanged == 6
    assert lake_days(home) == ["2026-08-29", "2026-08-31", "2026-09-02", "2026-09-30", "2026-11-15"]
    assert LandedHome(home.root).meta("first_days").rows() == [(date(1970, 1, 1), MONDAY)]


def test_only_closed_months_go(home: Home) -> None:
    assert why_calls_stay(home, settings_of(home)) is None
    (home.closed / "2026-08/manifest.json").unlink()
    assert let_calls_go(home, settings_of(home)) is None
    assert why_calls_stay(home, settings_of(home)) == (
        "retention.calls_days: calls before 2026-09-01 are old enough to go, but only those of closed months do:"
        " 2026-08 is not closed (inferledger close)"
    )
    assert why_calls_stay(home, settings_of(home, None)) is None
    assert why_calls_stay(home, settings_of(home, 400)) is None
    # By age October would go too.
    closed(home, "2026-07")
    closed(home, "2026-09")
    assert let_calls_go(home, settings_of(home, 14)) == CallsGone(date(2026, 9, 28), date(2026, 10, 1), 4)


@pytest.mark.parametrize("calls_days", [None, 79, 400])
def test_calls_that_are_not_old_enough_stay(home: Home, calls_days: int | None) -> None:
    """79 days before today are in August, and before the newest call, whose clock runs ahead, in September."""
    land(home, "ahead", "2026-11-19")
    LandedHome(home.root).ingest()
    built(home)
    assert let_calls_go(home, settings_of(home, calls_days)) is None
    assert kept_names(home) == set()
    assert let_calls_go(home, settings_of(home, 78)) == CallsGone(MONDAY, SEPTEMBER, 2)


def test_calls_stay_until_a_build_has_all_of_them(home: Home) -> None:
    wanted = settings_of(home)
    built(home, tables=())
    assert let_calls_go(home, wanted) is None
    built(home)
    (home.warehouse / "built_inputs.json").rename(home.warehouse / "other.json")
    assert let_calls_go(home, wanted) is None
    (home.warehouse / "other.json").rename(home.warehouse / "built_inputs.json")
    land(home, "late", "2026-08-11")
    LandedHome(home.root).ingest()
    assert let_calls_go(home, wanted) is None
    built(home)
    assert let_calls_go(home, wanted) == CallsGone(MONDAY, SEPTEMBER, 3)
