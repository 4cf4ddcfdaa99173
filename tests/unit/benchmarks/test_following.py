"""What the benchmark says of models, and that its analysts notice what they must not see."""

import time
from pathlib import Path

import duckdb
import pytest

from benchmarks.analysts import ANALYSTS, watched
from benchmarks.following import BESIDE, SHOWN, NewDays, _dearest, _growth
from benchmarks.measure import Stage


def run(beside: float = 4.0, **nodes: float) -> Stage:
    return Stage(cpu_s=1, peak_bytes=1, said={"cpu": {"build": beside + sum(nodes.values())}, "nodes": nodes})


def test_the_dearest_models_are_those_that_take_more_than_of_a_handful_of_calls() -> None:
    found = _dearest(run(beside=6.0, large=9.0, grows=3.0, added=0.5), run(large=8.9, grows=0.25))
    assert list(found.items()) == [("grows", 2.75), (BESIDE, 2.0), ("added", 0.5), ("large", 0.1)]
    assert len(_dearest(run(**{f"m{number}": 1.0 for number in range(SHOWN + 1)}), run())) == SHOWN


def test_new_days_have_grown_by_all_their_cpu_seconds_whatever_the_machine_took_for_a_handful() -> None:
    days = {
        10: NewDays([52.0, 50.0, 48.0], 25.0),
        25: NewDays([50.0, 53.0, 53.0], 26.0),
        50: NewDays([67.0, 57.0, 56.0], 30.0),
    }
    assert _growth(days) == pytest.approx(0.2)


def write_marts(path: Path, calls: int, weekly_calls: int) -> None:
    with duckdb.connect(str(path)) as marts:
        marts.execute(f"create table fct_usage as select i as call_id from range({calls}) as t(i)")
        marts.execute(
            f"""create table unit_economics_weekly as
            select date '2026-11-09' as week_start, 'acme' as tenant_id, 'm' as model, {weekly_calls} as calls,
                1.5 as effective_cost_usd"""
        )


def watch(folder: Path, weekly_calls: int) -> dict[str, float]:
    """Ten analysts, while marts of one more call take the place of those they read."""
    database, later = folder / "marts.duckdb", folder / "later.duckdb"
    write_marts(database, 4, 4)
    write_marts(later, 5, weekly_calls)

    def publish() -> None:
        time.sleep(1)
        later.replace(database)

    return watched(database, folder, publish)


def test_analysts_see_one_version_after_the_other(tmp_path: Path) -> None:
    seen = watch(tmp_path, weekly_calls=5)
    assert seen["analysts"] == ANALYSTS
    assert seen["looks_during_the_run"] > 0
    assert seen["slow_down"] > 0


def test_marts_that_do_not_agree_are_two_versions_in_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="two versions in one"):
        watch(tmp_path, weekly_calls=4)
