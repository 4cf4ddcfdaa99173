"""A what-if is to the cent what the pipeline says of a log in which the change really happened."""

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from assets.marts import rows
from pipelines.what_if import Change, Selection, WhatIf, what_if
from sources.home import Home
from tests.built import built_marts
from tests.conftest import Company

OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))
BIG, SMALL = "gpt-4.1", "gpt-4.1-mini"
BATCHED = "data_extraction"


@pytest.fixture
def company(company_of: Callable[[int], Company]) -> Company:
    return company_of(7)


def priced(company: Company, change: Change, **equal: str) -> WhatIf:
    return what_if(company.home, Selection(*OCTOBER, equal), change)


def rewritten(home: Home, to: Home, change: Callable[[dict[str, Any]], None]) -> Home:
    """A home in which every line of October's gateway log is as `change` leaves it, and nothing is taken in yet."""
    shutil.copytree(home.config, to.config)
    shutil.copytree(home.landing, to.landing)
    changed = 0
    for path in sorted((to.landing / "litellm" / "spend_logs").glob("*_2026-1[01]-*.ndjson.gz")):
        try:
            lines = gzip.decompress(path.read_bytes()).split(b"\n")
        except EOFError:  # the company's mishap: a file that was cut off, which came whole later
            continue
        path.write_bytes(gzip.compress(b"\n".join(_changed(line, change) for line in lines)))
        changed += 1
    assert changed > 30
    return to


def _changed(text: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A line that breaks off, another mishap, stays as it is."""
    try:
        line = json.loads(text)
    except ValueError:
        return text
    if line["startTime"].startswith("2026-10-"):
        change(line)
    return json.dumps(line).encode()


def test_a_switch_costs_what_the_pipeline_makes_of_a_log_with_it(company: Company, tmp_path: Path) -> None:
    """One model's calls go to a smaller one, another feature's to the batch tier: in the log, and asked what if."""
    switched = priced(company, Change(model_id=SMALL), model=BIG)
    batched = priced(company, Change(service_tier="batch"), feature_id=BATCHED)

    def change(line: dict[str, Any]) -> None:
        if line["model"].startswith(BIG):
            line["model"] = SMALL
        tags = json.loads(line["metadata"]).get("spend_logs_metadata") or {}
        if tags.get("feature") == BATCHED:
            line["call_type"] = "aretrieve_batch"

    connection = built_marts(rewritten(company.home, Home(tmp_path), change), "fct_usage")
    query = """
        select count(*) as calls, sum(contracted_cost_usd) as cost_usd from fct_usage
        where usage_date >= '2026-10-01' and usage_date < '2026-11-01' and host <> 'self_hosted' and {}
    """
    for found, where in ((switched, f"model = '{SMALL}'"), (batched, f"feature_id = '{BATCHED}'")):
        (row,) = rows(connection, query.format(where))
        assert (row["calls"], row["cost_usd"]) == (found.total.calls, found.total.b_usd)
        assert found.total.difference_usd is not None
        assert found.total.difference_usd < 0
        assert found.total.unpriced_b == 0


@pytest.mark.parametrize(
    "change",
    [
        Change(cache_hit_rate=Decimal("0.8")),
        Change(reasoning_share=Decimal("0.5")),
        Change(max_output_tokens=300),
        Change(reasoning_share=Decimal(0), max_output_tokens=100),
    ],
)
def test_habits_move_cost_and_leave_every_call_priced(company: Company, change: Change) -> None:
    found = priced(company, change)
    assert found.total.difference_usd
    assert (found.total.unpriced_a, found.total.unpriced_b) == (0, 0)
    assert sum((line.difference_usd or Decimal(0) for line in found.lines), Decimal(0)) == found.total.difference_usd
