"""Why cost changed against the week before: the effects that add up to it, and who moved most with the main driver."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from markupsafe import Markup

from assets.marts import UNATTRIBUTED
from assets.reports import charts, text
from assets.reports.tables import CENTS, Cell, Column, Table, absent
from sources.money import largest_remainder

Row = Mapping[str, Any]
ZERO = Decimal(0)
# Those a reader can take in; what is beyond is one row that says how many it holds.
MOVERS_SHOWN = 10
EFFECTS = {
    "volume_usd": ("Volume", "more or fewer tasks"),
    "mix_usd": ("Mix", "tasks moving between tenants, features and models"),
    "tokens_per_task_usd": ("Tokens per task", "longer prompts, longer answers, more calls"),
    "list_rate_usd": ("List price", "the providers' price lists"),
    "contract_usd": ("Contract", "what is paid against list"),
    "cache_usd": ("Prompt cache", "what reads save and writes cost"),
    "retry_and_fallback_usd": ("Retries", "superseded and failed attempts"),
    "new_and_lost_usd": ("New and lost", "what was there in one of the two weeks only"),
    "other_charges_usd": ("Other charges", "own GPUs, shared and idle cost, unlogged traffic"),
}


def waterfall(row: Row | None) -> Markup | str:
    """From last week's cost to this week's, one step an effect; nothing where no week came before."""
    if row is None:
        return ""
    steps = [
        charts.Step(label, row[name], text.usd_signed(cents), f"{label} ({hint}): {text.usd_signed(cents)}")
        for (name, (label, hint)), cents in zip(EFFECTS.items(), _cents(row), strict=True)
        if row[name]
    ]
    before, after = row["previous_week_cost_usd"], row["cost_usd"]
    summary = f"Cost went from {text.usd(before)} to {text.usd(after)}: " + "; ".join(s.description for s in steps)
    return charts.waterfall("change", summary, before, after, steps)


def effects_table(row: Row | None) -> Table:
    """The effects in cents that add up to the change as printed."""
    printed = _cents(row) if row else []
    return Table(
        name="change",
        columns=(
            Column("Effect", is_number=False),
            Column("What it is", is_number=False),
            Column("Change"),
        ),
        body=tuple(
            (Cell(label), Cell(hint, "quiet"), Cell(text.usd_signed(amount), "" if amount else "zero"))
            for (label, hint), amount in zip(EFFECTS.values(), printed, strict=False)
        ),
        total=(Cell("Change of cost"), Cell(""), Cell(text.usd_signed(sum(printed, ZERO)))) if row else (),
        empty="There is no week before to compare with.",
    )


def _cents(row: Row) -> list[Decimal]:
    """The effects as printed."""
    return largest_remainder([row[name] for name in EFFECTS], CENTS)


def movers_table(rows: Sequence[Row]) -> Table:
    """Tenant and feature by how much their cost moved, largest first, with the effect that moved it most."""
    moved = sorted(
        (row for row in rows if row["cost_change_usd"]),
        key=lambda row: (-abs(row["cost_change_usd"]), row["tenant_id"], row["feature_id"]),
    )
    shown, rest = moved[:MOVERS_SHOWN], moved[MOVERS_SHOWN:]
    folded = sum((row["cost_change_usd"] for row in rest), ZERO)
    printed = largest_remainder([*(row["cost_change_usd"] for row in shown), folded], CENTS)
    body = [
        (
            Cell(row["tenant_name"], "unattributed" if row["tenant_id"] == UNATTRIBUTED else ""),
            Cell(row["feature_name"]),
            Cell(text.usd(row["previous_week_cost_usd"])),
            Cell(text.usd(row["cost_usd"])),
            Cell(text.usd_signed(change), "strong"),
            Cell(driver(row)),
        )
        for row, change in zip(shown, printed, strict=False)
    ]
    if rest:
        body.append(
            (
                Cell(text.plural(len(rest), "smaller move")),
                Cell(""),
                Cell(text.usd(sum((row["previous_week_cost_usd"] for row in rest), ZERO))),
                Cell(text.usd(sum((row["cost_usd"] for row in rest), ZERO))),
                Cell(text.usd_signed(printed[-1]), "strong"),
                absent("each has its own"),
            )
        )
    return Table(
        name="movers",
        columns=(
            Column("Tenant", is_number=False),
            Column("Feature", is_number=False),
            Column("Week before"),
            Column("This week"),
            Column("Change"),
            Column("Main driver", is_number=False),
        ),
        body=tuple(body),
        empty="No cost moved against the week before.",
    )


def driver(row: Row) -> str:
    """The largest effect in words, and how much it moved."""
    name = max(EFFECTS, key=lambda effect: abs(row[effect]))
    label, hint = EFFECTS[name]
    return f"{label.lower()}, {text.usd_signed(row[name])}: {hint}"
