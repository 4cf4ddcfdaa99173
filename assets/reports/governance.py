"""What the report says of rules: who used what they may not, where providers refuse calls, whose calls name nobody."""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.marts import UNATTRIBUTED
from assets.reports import text
from assets.reports.tables import Cell, Column, Table

Row = Mapping[str, Any]


def violations_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="policy-violations",
        columns=(
            Column("Rule", is_number=False),
            Column("Team", is_number=False),
            Column("Model", is_number=False),
            Column("Calls"),
            Column("Cost", hint="of calls that have a price"),
            Column("Since", is_number=False),
            Column("Use instead", is_number=False),
        ),
        body=tuple(
            (
                Cell(row["policy_id"]),
                Cell(_team(row)),
                Cell(row["model"]),
                Cell(text.count(row["calls"])),
                Cell(text.usd(row["cost_usd"]), "strong"),
                Cell(text.short_day(row["first_date"]), "quiet"),
                Cell(row["use_instead"] or "", "quiet"),
            )
            for row in rows
        ),
        empty="No call of the week broke a rule of model_policy.yml.",
    )


def limits_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="rate-limits",
        columns=(
            Column("Provider", is_number=False),
            Column("Models", is_number=False),
            Column("Calls"),
            Column("Refused", hint="answered with HTTP 429"),
            Column("Share refused"),
            Column("Busiest minute", hint="input and output tokens"),
            Column("Of the limit", hint="of tokens or requests, whichever is nearer"),
        ),
        body=tuple(
            (
                Cell(row["service_provider"]),
                Cell(row["models"]),
                Cell(text.count(row["calls"])),
                Cell(text.count(row["refused_calls"]), "strong"),
                Cell(text.percent(row["refused_share"])),
                Cell(text.count(row["peak_tokens_per_minute"])),
                Cell("-" if row["peak_limit_share"] is None else text.percent(row["peak_limit_share"], 0)),
            )
            for row in rows
        ),
        empty="No call was refused, and no limit of model_policy.yml was near.",
    )


def coverage_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="coverage",
        columns=(
            Column("Team", is_number=False),
            Column("Calls"),
            Column("Cost"),
            Column("Attributed", hint="by tag, metadata, key or team"),
            Column("To the default tenant"),
            Column("To nobody"),
        ),
        body=tuple(
            (
                Cell(_team(row)),
                Cell(text.count(row["calls"])),
                Cell(text.usd(row["cost_usd"])),
                Cell("-" if row["attribution_coverage"] is None else text.percent(row["attribution_coverage"])),
                Cell(text.usd(row["default_cost_usd"])),
                Cell(text.usd(row["unattributed_cost_usd"]), "strong"),
            )
            for row in rows
        ),
        empty="Every call of the week says whose it is.",
    )


def _team(row: Row) -> str:
    return "No team" if row["team_id"] == UNATTRIBUTED else row["team_id"]
