"""Caps: what is left of every budget, for a gateway or a script to read.

The state is that of the last day there are data of in the month, which the file names. It says what was spent, and
decides nothing: whether to refuse calls of an exhausted budget is the reader's rule.
"""

import json
from pathlib import Path
from typing import Any

from assets.exports.files import File, write_files
from assets.marts import open_marts, rows

NAME = "caps"
AMOUNTS = ("budget_usd", "spent_usd", "remaining_usd", "projected_usd")


def write(
    marts: Path, out_dir: Path, period: str, dialect: str | None = None, data_version: str | None = None
) -> list[Path]:
    """Write caps.json for one month ('2026-10'): amounts as decimal text, so that no reader rounds them."""
    caps = _caps(marts, period)
    day = caps[0]["usage_date"].isoformat() if caps else None
    body = {
        "as_of": day,
        "currency": "USD",
        "caps": [
            {
                "scope": cap["scope"],
                "scope_id": cap["scope_id"],
                "period": cap["period"],
                **{name: f"{cap[name]:f}" for name in AMOUNTS},
                "status": cap["status"],
                "is_exhausted": cap["is_exhausted"],
            }
            for cap in caps
        ],
    }
    content = (json.dumps(body, indent=2) + "\n").encode()
    facts = {"period": period, "data_version": data_version, "as_of": day}
    return write_files(out_dir, NAME, [(f"{NAME}.json", File(content, len(caps)))], facts)


def _caps(marts: Path, period: str) -> list[dict[str, Any]]:
    with open_marts(marts) as connection:
        return rows(
            connection,
            """
            select *
            from budget_status_daily
            where usage_date = (
                select max(usage_date) from budget_status_daily where strftime(usage_date, '%Y-%m') = $period
            )
            order by scope, scope_id, period
            """,
            {"period": period},
        )
