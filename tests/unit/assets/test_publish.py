"""Publishing a built warehouse: whole versions, one swap, equal bytes for equal rows."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets import publish
from assets.publish import PublishError, current_manifest
from assets.touched import _note_built, unpublished_days
from sources.home import Home

CALLS = """
    create table fct_usage as
    select
        'call-' || i as call_id,
        date '2026-11-09' + cast(i % 3 as integer) as usage_date,
        timestamp '2026-11-09 10:00:00' + to_hours(i) as started_at,
        cast(i as decimal(38, 12)) / 1 as effective_cost
    from range(9) as calls(i)
"""
WEEKS = """
    create table cost_per_tenant_weekly as
    from (values
        (date '2026-11-02', 'acme', 5.25::decimal(38, 12)),
        (date '2026-11-09', 'acme', 7.50::decimal(38, 12))
    ) as costs(week_start, tenant_id, total_cost_usd)
"""
MONTHS = """
    create table chargeback_lines as
    from (values ('2026-10', 'line-1', 5.25::decimal(38, 12)), ('2026-11', 'line-2', 7.5::decimal(38, 12)))
        as lines(posting_period, chargeback_line_id, amount_usd)
"""
MARTS = ("fct_usage", "cost_per_tenant_weekly", "chargeback_lines")
Build = Callable[..., Home]


def no_check(database: Path, unchecked: Mapping[str, str]) -> None:
    assert database.is_file()


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Builds the warehouse of one home from scratch, as a full build does."""
    home = Home(tmp_path)
    home.warehouse.mkdir()

    def from_sql(*statements: str) -> Home:
        for name in ("build.duckdb", "unpublished_days.json"):
            (home.warehouse / name).unlink(missing_ok=True)
        with duckdb.connect(str(home.warehouse / "build.duckdb")) as connection:
            for statement in statements or (CALLS, WEEKS, MONTHS):
                connection.execute(statement)
        return home

    return from_sql


def published_rows(home: Home) -> int:
    with duckdb.connect(str((home.published / "marts.duckdb").resolve()), read_only=True) as connection:
        found = connection.execute("select count(*) from fct_usage").fetchone()
    assert found is not None
    return int(found[0])


def parquet_bytes(home: Home) -> dict[str, bytes]:
    marts = (home.published / "marts").resolve()
    return {str(path.relative_to(marts)): path.read_bytes() for path in marts.rglob("*.parquet")}


def test_marts_are_published_as_database_and_parquet(build: Build) -> None:
    home = build()
    published = publish.publish(home, "aaaa", no_check, keep=3)
    assert str((home.published / "current").readlink()) == "versions/aaaa"
    assert published_rows(home) == 9
    days = sorted(path.parent.name for path in (home.published / "marts" / "fct_usage").glob("*/*.parquet"))
    assert days == ["usage_date=2026-11-09", "usage_date=2026-11-10", "usage_date=2026-11-11"]
    assert pl.read_parquet(home.published / "marts/fct_usage/*/*.parquet").height == 9
    costs = pl.read_parquet(home.published / "marts/cost_per_tenant_weekly.parquet")
    assert costs.schema["total_cost_usd"] == pl.Decimal(38, 12)
    assert published.manifest.rows("fct_usage") == 9
    assert current_manifest(home) == published.manifest
    assert stat.S_IMODE((home.published / "marts.duckdb").stat().st_mode) == 0o444


def test_equal_rows_give_equal_bytes_in_any_order(build: Build) -> None:
    home = build()
    publish.publish(home, "aaaa", no_check, keep=3)
    first = parquet_bytes(home)
    other = build(CALLS + " order by hash(i)", WEEKS, MONTHS)
    for path in (other.published / "current").resolve().rglob("*.parquet"):
        path.unlink()
    written = publish.publish(other, "bbbb", no_check, keep=3)
    assert written.files_linked == 0
    assert parquet_bytes(other) == first


def test_unchanged_days_are_linked_and_changed_ones_written(build: Build) -> None:
    publish.publish(build(), "aaaa", no_check, keep=3)
    home = build(CALLS, "update fct_usage set effective_cost = 99 where call_id = 'call-1'", WEEKS, MONTHS)
    second = publish.publish(home, "bbbb", no_check, keep=3)
    assert (second.files_written, second.files_linked) == (1, 5)
    day = "marts/fct_usage/usage_date=2026-11-{}/data.parquet"
    versions = home.published / "versions"
    assert (versions / "aaaa" / day.format("09")).samefile(versions / "bbbb" / day.format("09"))
    assert not (versions / "aaaa" / day.format(10)).samefile(versions / "bbbb" / day.format(10))
    assert pl.read_parquet(versions / "bbbb" / day.format(10))["effective_cost"].max() == 99


def test_of_days_no_build_replaced_the_version_before_tells(build: Build) -> None:
    publish.publish(build(), "aaaa", no_check, keep=3)
    replaced = "delete from fct_usage where usage_date = '2026-11-09'", "delete from fct_usage where call_id = 'call-1'"
    home = build(CALLS, *replaced, "update fct_usage set effective_cost = 99 where call_id = 'call-2'", WEEKS, MONTHS)
    # As if the last update had touched no day: what a build says of its days decides.
    (home.warehouse / "unpublished_days.json").write_text(
        json.dumps({"since": "aaaa", "writer": publish.WRITER, "days": ["2026-11-09", "2026-11-10"]})
    )
    followed = publish.publish(home, "bbbb", no_check, keep=3)
    assert (followed.files_written, followed.files_linked) == (1, 4)
    assert followed.manifest.rows("fct_usage") == 5
    # Not of another version: every day is looked at.
    whole = publish.publish(build(CALLS, *replaced, WEEKS, MONTHS), "cccc", no_check, keep=3)
    assert whole.manifest.files == followed.manifest.files
    assert whole.manifest.weeks == followed.manifest.weeks


def test_only_rows_the_version_before_does_not_have_are_to_be_checked(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []

    def check(database: Path, unchecked: Mapping[str, str]) -> None:
        with duckdb.connect(str(database), read_only=True) as marts:
            checked.append(
                {mart: len(marts.sql(f"from {mart} where {unchecked.get(mart, 'true')}").fetchall()) for mart in MARTS}
            )

    publish.publish(build(), "aaaa", check, keep=3)
    home = build(CALLS, "update fct_usage set effective_cost = 99 where call_id = 'call-1'", WEEKS, MONTHS)
    publish.publish(home, "bbbb", check, keep=3)
    monkeypatch.setattr(publish, "contracts_hash", lambda: "others")
    publish.publish(home, "cccc", check, keep=3)
    everything = {"fct_usage": 9, "cost_per_tenant_weekly": 2, "chargeback_lines": 2}
    assert checked == [everything, {"fct_usage": 3, "cost_per_tenant_weekly": 0, "chargeback_lines": 0}, everything]


def test_rules_of_contracts_are_part_of_their_hash_wherever_they_are() -> None:
    ask = "from assets.publish import contracts_hash; print(contracts_hash())"
    other = "from assets.reports import queries; queries.FORECAST_LINES += ('tax',)"
    found = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        for program in (ask, f"{other}; {ask}")
    ]
    # The same in another process, whatever its order of sets is and wherever its objects lie.
    assert found[0] == publish.contracts_hash()
    assert found[1] != found[0]


def test_checks_are_part_of_the_hash_of_contracts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = publish.contracts_hash()
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == "checks.py"))
    assert publish.contracts_hash() != before


def test_of_a_mart_of_months_only_replaced_days_are_looked_at(build: Build) -> None:
    lines = """
        create table chargeback_lines as
        from (values
            ('2026-11', date '2026-11-09', 'line-1', 5.25::decimal(38, 12)),
            ('2026-11', date '2026-11-10', 'line-2', 7.50::decimal(38, 12))
        ) as lines(posting_period, usage_date, chargeback_line_id, amount_usd)
    """
    publish.publish(build(lines), "aaaa", no_check, keep=3)
    home = build(lines, "update chargeback_lines set amount_usd = amount_usd + 1")
    (home.warehouse / "unpublished_days.json").write_text(
        json.dumps({"since": "aaaa", "writer": publish.WRITER, "days": ["2026-11-10"]})
    )
    seen = []
    followed = publish.publish(home, "bbbb", lambda _, unchecked: seen.append(dict(unchecked)), keep=3)
    with duckdb.connect(str(followed.path / publish.DATABASE), read_only=True) as marts:
        looked_at = marts.sql(f"select chargeback_line_id from chargeback_lines where {seen[0]['chargeback_lines']}")
        assert looked_at.fetchall() == [("line-2",)]
    # As if the other line had not changed: what the build says of its days decides, and the month is one sum.
    as_built = build(lines, "update chargeback_lines set amount_usd = 8.5 where chargeback_line_id = 'line-2'")
    whole = publish.publish(as_built, "cccc", no_check, keep=3)
    assert followed.manifest.files == whole.manifest.files
    assert (followed.manifest.weeks, followed.manifest.months) == (whole.manifest.weeks, whole.manifest.months)


def test_a_version_that_was_there_already_tells_nothing_of_what_was_built_anew(build: Build) -> None:
    publish.publish(build(), "aaaa", no_check, keep=3)
    home = build(CALLS, "update fct_usage set effective_cost = 99 where call_id = 'call-1'", WEEKS, MONTHS)
    publish.publish(home, "aaaa", no_check, keep=3)
    _note_built(home, {"2026-11-09"})
    followed = publish.publish(home, "bbbb", no_check, keep=3)
    with duckdb.connect(str(followed.path / publish.DATABASE), read_only=True) as connection:
        assert publish.files_of(connection, "fct_usage").items() <= followed.manifest.files.items()
    day = followed.path / "marts/fct_usage/usage_date=2026-11-10/data.parquet"
    assert pl.read_parquet(day)["effective_cost"].max() == 99


def test_a_version_published_again_forgets_no_day_that_was_replaced(build: Build) -> None:
    home = build()
    publish.publish(home, "aaaa", no_check, keep=3)
    _note_built(home, {"2026-11-10"})
    publish.publish(home, "aaaa", no_check, keep=3)
    assert unpublished_days(home, "aaaa", publish.WRITER) == frozenset({"2026-11-10"})


def test_marts_of_days_and_months_are_cut_by_them(build: Build) -> None:
    ended = "(values ('a', date '2026-10-26'), ('b', null)) as tasks(task_id, ended_date)"
    home = build(CALLS, f"create table fct_tasks as from {ended}", MONTHS)
    publish.publish(home, "aaaa", no_check, keep=3)
    marts = home.published / "marts"
    assert sorted(path.parent.name for path in marts.glob("chargeback_lines/*/data.parquet")) == [
        "posting_period=2026-10",
        "posting_period=2026-11",
    ]
    for day, task in (("2026-10-26", "a"), ("__HIVE_DEFAULT_PARTITION__", "b")):
        folder = marts / f"fct_tasks/ended_date={day}"
        assert pl.read_parquet(folder / "data.parquet")["task_id"].to_list() == [task]


def test_a_removed_day_is_not_published(build: Build) -> None:
    publish.publish(build(), "aaaa", no_check, keep=3)
    home = build(CALLS, "delete from fct_usage where usage_date = '2026-11-10'", WEEKS, MONTHS)
    publish.publish(home, "bbbb", no_check, keep=3)
    assert not (home.published / "marts/fct_usage/usage_date=2026-11-10").exists()


def test_rows_without_a_day_and_an_empty_fact_are_published(build: Build) -> None:
    home = build(
        CALLS,
        "create table fct_allocations as select null::date as usage_date, 'x' as allocation_id",
    )
    publish.publish(home, "aaaa", no_check, keep=3)
    assert (home.published / "marts/fct_allocations/usage_date=__HIVE_DEFAULT_PARTITION__/data.parquet").is_file()
    build("create table fct_usage (usage_date date, call_id varchar)")
    publish.publish(home, "bbbb", no_check, keep=3)
    empty = pl.read_parquet(home.published / "marts/fct_usage/empty.parquet")
    assert (empty.height, empty.columns) == (0, ["usage_date", "call_id"])


def test_failed_check_leaves_the_version_before(build: Build) -> None:
    publish.publish(build(), "aaaa", no_check, keep=3)
    home = build(CALLS, "delete from fct_usage")

    def refuse(database: Path, unchecked: Mapping[str, str]) -> None:
        raise ValueError(database)

    with pytest.raises(ValueError, match="duckdb") as caught:
        publish.publish(home, "bbbb", refuse, keep=3)
    assert published_rows(home) == 9
    assert Path(str(caught.value)).is_file(), "what failed can be looked at until the next run"
    publish.remove_unfinished(home)
    assert [path.name for path in (home.published / "versions").iterdir()] == ["aaaa"]


def test_what_a_killed_publish_left_is_removed(build: Build) -> None:
    home = build()
    (home.published / "versions" / ".dead.tmp" / "marts").mkdir(parents=True)
    publish.publish(home, "aaaa", no_check, keep=3)
    assert [path.name for path in (home.published / "versions").iterdir()] == ["aaaa"]


def test_a_version_that_was_written_but_not_swapped_is_taken_up(build: Build) -> None:
    home = build()
    publish.publish(home, "aaaa", no_check, keep=3)
    (home.published / "current").unlink()
    again = publish.publish(home, "aaaa", no_check, keep=3)
    assert (again.files_written, published_rows(home)) == (0, 9)


def test_a_version_of_the_rows_that_were_built_anew_stays(build: Build) -> None:
    home = build()
    publish.publish(home, "aaaa", no_check, keep=3)
    again = publish.publish(build(CALLS + " order by hash(i)", WEEKS, MONTHS), "aaaa", no_check, keep=3, anew=True)
    assert (again.is_new, again.others) == (False, ())
    assert [path.name for path in (home.published / "versions").iterdir()] == ["aaaa"]
    # The tables are those of this version: the next one looks at days that builds replace since.
    assert unpublished_days(home, "aaaa", publish.WRITER) == frozenset()


def test_other_rows_that_were_built_anew_take_the_place_of_those_published(build: Build) -> None:
    first = publish.publish(build(), "aaaa", no_check, keep=3)
    home = build(CALLS, "update fct_usage set effective_cost = 99 where call_id = 'call-1'", WEEKS, MONTHS)
    assert not publish.publish(home, "aaaa", no_check, keep=3).is_new
    again = publish.publish(home, "aaaa", no_check, keep=3, anew=True)
    assert (again.others, again.files_linked, again.manifest.version_id) == (("fct_usage",), 0, "aaaa")
    assert str((home.published / "current").readlink()) == "versions/aaaa.2"
    assert publish.version_path(home, "aaaa") == again.path
    costs = pl.read_parquet(home.published / "marts/fct_usage/*/*.parquet")["effective_cost"]
    assert costs.max() == 99
    # Who has the other one open reads on.
    assert pl.read_parquet(first.path / "marts/fct_usage/*/*.parquet")["effective_cost"].max() == 8
    assert not publish.publish(home, "aaaa", no_check, keep=3, anew=True).is_new
    third = publish.publish(build(), "aaaa", no_check, keep=1, anew=True)
    assert [path.name for path in (home.published / "versions").iterdir()] == [third.path.name] == ["aaaa.3"]


def test_a_version_that_cannot_be_read_is_published_anew(build: Build) -> None:
    home = build()
    database = publish.publish(home, "aaaa", no_check, keep=3).path / "marts.duckdb"
    database.chmod(0o644)
    database.write_text("what the disk left of it")
    again = publish.publish(home, "aaaa", no_check, keep=3, anew=True)
    assert again.others == tuple(sorted(MARTS))
    assert published_rows(home) == 9


def test_old_versions_go_but_never_the_current_one(build: Build) -> None:
    home = build()
    for number, version in enumerate("abcd"):
        publish.publish(home, version, no_check, keep=2)
        os.utime(home.published / "versions" / version / "manifest.json", ns=(number, number))
    assert sorted(path.name for path in (home.published / "versions").iterdir()) == ["c", "d"]
    publish.publish(home, "c", no_check, keep=1)
    assert [path.name for path in (home.published / "versions").iterdir()] == ["c"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "attach ':memory:' as work; create table work.calls (i int); create view cost_daily as from work.calls",
            "cost_daily: reads what is not in the file",
        ),
        ("create table totals as select sum(i) as calls from range(3) as t(i)", "totals.calls: HUGEINT would become"),
    ],
)
def test_marts_that_parquet_cannot_hold_are_refused(build: Build, statement: str, message: str) -> None:
    with pytest.raises(PublishError, match=message):
        publish.publish(build(CALLS, statement), "aaaa", no_check, keep=3)


def test_a_view_of_marts_is_read_in_the_published_file(build: Build) -> None:
    home = build(CALLS, "create view first_calls as from main.fct_usage where call_id = 'call-1'")
    publish.publish(home, "aaaa", no_check, keep=3)
    with duckdb.connect(str((home.published / "marts.duckdb").resolve()), read_only=True) as connection:
        assert connection.execute("select count(*) from first_calls").fetchall() == [(1,)]
    assert not (home.published / "marts" / "first_calls.parquet").exists()


def test_a_warehouse_that_was_not_built_is_refused(build: Build, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="dbt has built no marts yet"):
        publish.publish(Home(tmp_path), "aaaa", no_check, keep=3)


def test_changed_weeks_and_months_have_another_hash(build: Build) -> None:
    first = publish.publish(build(), "aaaa", no_check, keep=3).manifest
    later_week = build(CALLS, WEEKS.replace("7.50", "7.51"), MONTHS)
    second = publish.publish(later_week, "bbbb", no_check, keep=3).manifest
    assert first.weeks.keys() == second.weeks.keys() == {"2026-11-02", "2026-11-09"}
    assert first.weeks["2026-11-02"] == second.weeks["2026-11-02"]
    assert first.weeks["2026-11-09"] != second.weeks["2026-11-09"]
    assert first.months == second.months
    other_call = build(CALLS, "update fct_usage set effective_cost = 99 where call_id = 'call-1'", WEEKS, MONTHS)
    third = publish.publish(other_call, "cccc", no_check, keep=3).manifest
    assert third.weeks["2026-11-09"] != first.weeks["2026-11-09"]
    assert third.months.keys() == {"2026-10", "2026-11"}


@pytest.mark.parametrize("size", [0, 1, 4_096, 8 << 20, (8 << 20) + 1])
def test_a_copy_has_every_byte(tmp_path: Path, size: int) -> None:
    """Past the page cache whole blocks alone can be written; a DuckDB file has no others."""
    (tmp_path / "a").write_bytes(os.urandom(size))
    assert publish._copy(tmp_path / "a", tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
