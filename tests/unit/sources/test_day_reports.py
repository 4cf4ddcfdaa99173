"""Reports by day: a day that a later export has nothing of took nothing."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.unit.sources.landed import LandedHome

DAYS = {"openrouter/activity": "activity_date", "vercel/report": "report_date"}
COSTS = {"openrouter/activity": "credits_usd", "vercel/report": "total_cost_usd"}


def page(table: str, costs: dict[str, Any]) -> str:
    if table == "openrouter/activity":
        return json.dumps({"data": [{"date": day, "model": "m", "usage": cost} for day, cost in costs.items()]})
    return json.dumps({"results": [{"day": day, "model": "m", "total_cost": cost} for day, cost in costs.items()]})


def latest(home: LandedHome, table: str) -> dict[str, Decimal]:
    """What the last page of each day says, as the staging model takes it."""
    rows = home.lake(table).filter(pl.col("retrieved_at") == pl.col("retrieved_at").max().over(DAYS[table]))
    days = rows.group_by(pl.col(DAYS[table]).dt.date().cast(pl.String).alias("day")).agg(pl.col(COSTS[table]).sum())
    return dict(days.sort("day").iter_rows())


@pytest.mark.parametrize("table", DAYS)
def test_a_day_that_is_empty_in_a_later_export_is_cleared(table: str, home: LandedHome) -> None:
    first = page(table, {"2026-08-10": 1.25, "2026-08-11": 2.5, "2026-08-12": 4})
    home.land(f"{table}/org/2026-08-10_2026-08-12__retrieved-20260813T060000Z.json", first)
    second = page(table, {"2026-08-10": 1.25, "2026-08-12": 4})
    home.land(f"{table}/org/2026-08-10_2026-08-12__retrieved-20260814T060000Z.json", second)
    home.ingest()
    assert home.rejects() == []
    assert latest(home, table) == {"2026-08-10": Decimal("1.25"), "2026-08-11": Decimal(0), "2026-08-12": Decimal(4)}
    [empty] = home.lake(table).filter(pl.col("model_id").is_null()).to_dicts()
    assert (empty["account_id"], empty["requests"], empty["row_number"]) == ("org", 0, 3)
    # It is no row of a day that status counts.
    days = home.meta("file_days").filter(pl.col("usage_date") == datetime(2026, 8, 11).date())
    assert sorted(days["rows_kept"]) == [0, 1]


@pytest.mark.parametrize("table", DAYS)
def test_a_page_without_records_clears_the_days_of_its_name_up_to_its_retrieval(table: str, home: LandedHome) -> None:
    home.land(f"{table}/org/2026-08-10_2026-08-16__retrieved-20260812T060000Z.json", page(table, {}))
    home.ingest()
    assert latest(home, table) == dict.fromkeys(("2026-08-10", "2026-08-11", "2026-08-12"), Decimal(0))


def test_what_cannot_be_told_clears_nothing(home: LandedHome) -> None:
    table = "openrouter/activity"
    # Which days were asked for is not said; a record set aside may be of any day; a day with a record is not empty.
    home.land(f"{table}/org/page__retrieved-20260813T060000Z.json", page(table, {"2026-08-10": 1}))
    home.land(
        f"{table}/org/2026-08-10_2026-08-12__retrieved-20260813T070000Z.json",
        page(table, {"2026-08-10": 1, "the 11th": 2}),
    )
    home.land(
        f"{table}/org/2026-08-10_2026-08-11__retrieved-20260813T080000Z.json",
        page(table, {"2026-08-10": 1, "2026-08-11": "much"}),
    )
    home.ingest()
    assert len(home.lake(table)) == 3
    assert home.lake(table)["model_id"].null_count() == 0
