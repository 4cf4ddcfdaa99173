"""What the report says of savings: the largest in words, with what each would take."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from assets.marts import UNATTRIBUTED
from assets.reports import text
from assets.reports.tables import Cell, Column, Table

Row = Mapping[str, Any]
# The mart has them all; the rest of the report's is one line.
SHOWN = 10
LEVERS = {
    "avoid_retries": "mend what is asked again",
    "batch": "send what can wait in batches",
    "prompt_cache": "read prompts from the cache",
    "reasoning_effort": "ask for less reasoning",
    "output_cap": "cap the longest answers",
    "idle_gpus": "return or fill idle GPUs",
}
COUNTED = {
    "avoid_retries": ("attempt asked again", "attempts asked again"),
    "batch": ("call that could wait", "calls that could wait"),
    "reasoning_effort": ("call that mostly reasons", "calls that mostly reason"),
}
RISKS = {"none": "ok", "low": "ok", "medium": "watch", "high": "risk"}


def savings_table(rows: Sequence[Row]) -> Table:
    rest = rows[SHOWN:]
    body: list[tuple[Cell, ...]] = [
        (
            Cell(LEVERS[row["lever"]]),
            Cell("" if row["feature_id"] == UNATTRIBUTED else row["feature_name"]),
            Cell(row["service_provider"] if row["model"] == UNATTRIBUTED else row["model"]),
            Cell(text.count(row["calls"]) if row["calls"] else "-"),
            Cell(text.usd(row["current_cost_usd"])),
            Cell(text.usd(row["saving_usd"]), "strong"),
            Cell(row["risk"], RISKS[row["risk"]]),
            Cell(_evidence(row), "quiet"),
        )
        for row in rows[:SHOWN]
    ]
    if rest:
        totals = [sum((row[name] for row in rest), Decimal(0)) for name in ("current_cost_usd", "saving_usd")]
        name = f"{text.plural(len(rest), 'smaller one')} of optimization_backlog_weekly"
        calls = text.count(sum(row["calls"] for row in rest))
        blank = Cell("")
        body.append(
            (Cell(name, "quiet"), blank, blank, Cell(calls), *(Cell(text.usd(usd)) for usd in totals), blank, blank)
        )
    return Table(
        name="savings",
        columns=(
            Column("What to do", is_number=False),
            Column("Feature", is_number=False),
            Column("Model or provider", is_number=False),
            Column("Calls"),
            Column("Cost now"),
            Column("Saved", hint="the changed calls priced again by the book; a call counts once, so lines add up"),
            Column("Risk", is_number=False),
            Column("Evidence", is_number=False),
        ),
        body=tuple(body),
        empty="No call of this week would be cheaper in a way the backlog knows.",
    )


def _evidence(row: Row) -> str:
    """The mart's number in words."""
    lever, value = row["lever"], row["evidence_value"] or 0
    if lever in ("prompt_cache", "idle_gpus"):
        return f"{text.percent(value, 0)} {row['evidence'].removeprefix('share ')}"
    if lever == "output_cap":
        return f"95% of the calls end within {text.count(round(value))} tokens"
    return text.plural(round(value), *COUNTED[lever])
