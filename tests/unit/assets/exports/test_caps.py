"""Caps: what is left of each budget on the month's last day, in exact text."""

import json
from pathlib import Path

from assets.exports import write_export


def test_caps_are_the_budgets_of_the_last_day_of_the_month(marts: Path, tmp_path: Path) -> None:
    path, manifest = write_export("caps", marts, tmp_path, "2026-11")
    told = json.loads(path.read_text())
    assert told["as_of"] == "2026-11-16"
    assert told["caps"] == [
        {
            "scope": "company", "scope_id": "company", "period": "month", "budget_usd": "3000.000000000000",
            "spent_usd": "1600.000000000000", "remaining_usd": "1400.000000000000",
            "projected_usd": "3000.000000000000", "status": "ok", "is_exhausted": False,
        }
    ]  # fmt: skip
    assert json.loads(manifest.read_text())["files"][0]["rows"] == 1


def test_a_month_without_budgets_caps_nothing(marts: Path, tmp_path: Path) -> None:
    told = json.loads(write_export("caps", marts, tmp_path, "2026-10")[0].read_text())
    assert (told["as_of"], told["caps"]) == (None, [])
