"""Old calls go, and every table but those of single calls stays what it was, built anew too."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from assets.kept import let_calls_go
from assets.marts import MartsError
from assets.touched import kept_of_calls
from pipelines.config_diff import diff_settings
from pipelines.price_diff import require_calls
from sources.clock import NOW_VARIABLE
from sources.home import Home
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.settings import Settings, load_settings
from tests.conftest import Company
from tests.faults.conftest import copy_of, inferledger
from tests.faults.test_closed_periods import close
from tests.integration.test_incremental_builds import (
    LATER,
    NEW,
    RESENT,
    Rows,
    assert_published_as_built,
    build,
    built_rows,
    dearer,
    land_logs,
    lines_of,
    on,
    restate,
)

# A row per call of those that are there, and the days that have lines of the same call.
OF_CALLS = {
    "fct_usage", "int_call_meters", "int_call_meters_anchored", "int_gpu_calls", "int_gpu_calls_costed",
    "int_self_hosting_calls", "int_usage_anchored", "int_usage_call_keys", "int_usage_duplicates",
    "int_usage_linked_days",
}  # fmt: skip

FIRST, WENT = date(2026, 8, 31), "2026-08-20"


@pytest.fixture
def home(company_of: Callable[[int], Company], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The company with calls since the 10th of August, whose months up to September are closed, the morning after."""
    home = copy_of(company_of(7).home, tmp_path / "home")
    for period in ("2026-08", "2026-09"):
        done = close(home, period)
        assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.setenv(NOW_VARIABLE, LATER)
    build(home.root)
    return home


def settings_of(home: Home, days: int) -> Settings:
    """The home's settings as if they said so; no less than two months is what they may say."""
    settings = load_settings(home)
    retention = settings.general.retention.model_copy(update={"calls_days": days})
    return replace(settings, general=settings.general.model_copy(update={"retention": retention}))


def other_tables(found: Rows, before: Rows) -> list[str]:
    assert set(found) == set(before)
    return [table for table in before if table not in OF_CALLS and found[table] != before[table]]


def amount_of_nobody(home: Home) -> Decimal:
    """What charges of calls that went have, beyond what the calls carried."""
    with duckdb.connect(str(home.warehouse / "work.duckdb"), read_only=True) as connection:
        [(amount,)] = connection.execute(f"""
            select sum(amount_usd) from int_charges_traced
            where charge_id like 'usage:%' and calls is null and charge_id in (
                select 'usage:' || group_id from int_charge_calls where usage_date < '{FIRST}'
            )""").fetchall()
    return Decimal(amount or 0)


def cheaper_gpus(home: Home) -> None:
    path = home.config / "gpu_rates.yml"
    rates = yaml.safe_load(path.read_text())
    for node in rates["nodes"]:
        node["usd_per_gpu_hour"] = str(Decimal(str(node["usd_per_gpu_hour"])) / 2)
    path.write_text(yaml.safe_dump(rates))


def gpu_cost_of_no_log(home: Home) -> Decimal:
    """What rent of days whose calls went is, beyond what the calls carried."""
    with duckdb.connect(str(home.warehouse / "work.duckdb"), read_only=True) as connection:
        [(amount,)] = connection.execute(
            f"select sum(amount_usd) from int_gpu_unlogged where usage_date < '{FIRST}'"
        ).fetchall()
    return Decimal(amount)


def first_call(home: Home) -> date:
    with duckdb.connect(str(home.warehouse / "build.duckdb"), read_only=True) as marts:
        [(day,)] = marts.execute("select min(usage_date) from fct_usage").fetchall()
    assert isinstance(day, date)
    return day


def test_calls_go_and_no_number_changes(home: Home) -> None:
    before = built_rows(home)
    gone = let_calls_go(home, settings_of(home, 62))
    assert gone is not None
    # 62 days before the 16th of November is the 15th of September.
    assert gone.calls_from == FIRST
    assert gone.lake_files > 0
    built = build(home.root)
    assert not built.is_full, built.reasons
    found = built_rows(home)
    assert other_tables(found, before) == []
    assert 0 < found["fct_usage"][0] < before["fct_usage"][0]
    assert first_call(home) == FIRST
    assert diff_settings(home) == []
    assert_published_as_built(home)
    with pytest.raises(MartsError, match="from 2026-08-31 on"):
        require_calls(home, date(2026, 8, 1))

    # Days that are there change. Of those that went a line is set aside, and what a bill says more is nobody's.
    land_logs(home, "late.ndjson", [on(RESENT, line, model="gpt-4o") for line in lines_of(home, RESENT)[:20]])
    land_logs(home, "new.ndjson", [on(day, line) for day in (NEW, WENT) for line in lines_of(home, "2026-11-13")])
    restate(home, "costs", dearer, monday="2026-08-17")
    assert not build(home.root).is_full
    with FileLedger(ledger_path(home.root)) as ledger:
        [late] = ledger.rows("file_name = 'new.ndjson' and status = 'committed'")
    assert late.rows_kept == late.rows_quarantined == len(lines_of(home, "2026-11-13"))
    followed = built_rows(home)
    assert followed["int_usage_files_daily"][0] > before["int_usage_files_daily"][0]
    assert amount_of_nobody(home) > 0
    assert build(home.root, full=True).is_full
    assert other_tables(built_rows(home), followed) == []

    # A second time, of what was kept before and what is made of calls since.
    gone = let_calls_go(home, settings_of(home, 40))
    assert gone is not None
    assert gone.calls_from == date(2026, 9, 28)
    assert not build(home.root).is_full
    assert other_tables(built_rows(home), followed) == []
    assert first_call(home) == date(2026, 9, 28)
    assert len(list((home.lake / "kept").rglob("before-*"))) == 2 * len(kept_of_calls(home))

    # What calls on own GPUs were kept at is more than their rent, of a rate that comes down.
    cheaper_gpus(home)
    assert build(home.root).is_full
    assert gpu_cost_of_no_log(home) < 0


def test_calls_of_a_month_that_is_open_stay(company_of: Callable[[int], Company], tmp_path: Path) -> None:
    home = copy_of(company_of(7).home, tmp_path / "home")
    assert let_calls_go(home, settings_of(home, 40)) is None
    assert inferledger(home, "status").returncode == 0
