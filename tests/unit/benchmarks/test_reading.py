"""The questions of the benchmark are the cookbook's, and the history they are asked of is as long as it says."""

from pathlib import Path

import duckdb
import pytest

from benchmarks import reading


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "marts.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("""
            create table cost_per_model_weekly as
            select date '2026-11-02' + cast(7 * week as integer) as week_start,
                'openai' as service_provider, 'm' as model,
                30::bigint as calls, 1.5::decimal(38, 12) as total_cost_usd
            from range(2) as weeks (week)""")
        connection.execute("""
            create table unit_economics_weekly as
            select date '2026-11-02' as week_start, 't' as tenant_id, 'm' as model, 50::bigint as calls,
                2.5::decimal(38, 12) as effective_cost_usd""")
    return path


def test_every_question_is_answered_over_the_whole_history(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "HISTORY_CALLS", 1_000)
    found = reading.query_seconds(published, tmp_path)
    assert found.keys() == reading.QUESTIONS.keys()
    assert all(0 < seconds < 10 for seconds in found.values())
    with duckdb.connect(str(tmp_path / "again.duckdb")) as connection:
        connection.execute(f"attach '{published}' as published (read_only)")
        connection.execute(reading._grown(connection, "cost_per_model_weekly"))
        weeks = connection.execute(
            "select count(*), count(distinct week_start), sum(calls), max(week_start) from cost_per_model_weekly"
        ).fetchone()
    # 60 calls of two weeks, seventeen times.
    assert weeks is not None
    assert (*weeks[:3], f"{weeks[3]}") == (34, 34, 1_020, "2026-11-09")
