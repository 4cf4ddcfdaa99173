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
    "embedding_refresh": "embed the corpus once a week",
    "free_tier": "cap what free users ask a day",
    "fill_idle_gpus": "run what can wait on idle GPUs",
    "batch": "send what can wait in batches",
    "evaluation_batch": "send evaluations in batches",
    "prompt_cache": "read prompts from the cache",
    "prompt_growth": "cut prompts to what they were",
    "reasoning_effort": "ask for less reasoning",
    "output_cap": "cap the longest answers",
    "smaller_model": "route to the smaller model",
    "guardrail_model": "guard with the cheaper model",
    "other_host": "buy the model elsewhere",
    "other_architecture": "change the architecture",
    "idle_gpus": "return idle GPUs",
    "commit_gpus": "commit to the GPUs that half the hours use",
}
COUNTED = {
    "avoid_retries": ("attempt asked again", "attempts asked again"),
    "fill_idle_gpus": ("call that could wait", "calls that could wait"),
    "batch": ("call that could wait", "calls that could wait"),
    "evaluation_batch": ("call nobody waits for", "calls nobody waits for"),
    "reasoning_effort": ("call that mostly reasons", "calls that mostly reason"),
    "guardrail_model": ("call it guards elsewhere", "calls it guards elsewhere"),
}
RISKS = {"none": "ok", "low": "ok", "medium": "watch", "high": "risk"}


def savings_table(rows: Sequence[Row]) -> Table:
    rest = rows[SHOWN:]
    body: list[tuple[Cell, ...]] = [
        (
            Cell(LEVERS[row["lever"]]),
            Cell("" if row["feature_id"] == UNATTRIBUTED else row["feature_name"]),
            Cell(_model(row)),
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


def _model(row: Row) -> str:
    """Today's, and where the calls would go."""
    if row["model"] == UNATTRIBUTED:
        return str(row["service_provider"])
    if row["changed_model"] != row["model"]:
        return f"{row['model']} to {row['changed_model']}"
    if row["changed_service_provider"] != row["service_provider"]:
        return f"{row['model']}, {row['service_provider']} to {row['changed_service_provider']}"
    return str(row["model"])


def _evidence(row: Row) -> str:
    """The mart's number in words."""
    lever, value = row["lever"], row["evidence_value"] or 0
    if lever in COUNTED:
        return text.plural(round(value), *COUNTED[lever])
    match lever:
        case "output_cap":
            return f"95% of the calls end within {text.count(round(value))} tokens"
        case "embedding_refresh":
            return f"about as much on {round(value)} days of the week"
        case "free_tier":
            return f"nine in ten days stay within {text.plural(round(value), 'request')}"
        case "prompt_growth":
            return f"{text.percent(value, 0)} longer than in the shortest of four weeks"
        case "smaller_model":
            return f"{text.percent(value, 0)} of the smaller one's answers judged right"
        case "other_architecture":
            return f"{text.percent(value, 0)} of its answers judged right"
        case "other_host":
            return f"{text.percent(value, 0)} of today's price"
    return f"{text.percent(value, 0)} {row['evidence'].removeprefix('share ')}"
