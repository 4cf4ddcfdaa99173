"""What the report says about decisions: own GPUs or an API, the capacity that takes, and the total cost of ownership.

The figures are those of the marts; here they become cells, bars and sentences.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import ceil
from typing import Any

from markupsafe import Markup

from assets.reports import charts, text
from assets.reports.tables import CENTS, Cell, Column, Table, absent
from assets.reports.verdicts import VERDICTS, in_words
from sources.money import largest_remainder

Row = Mapping[str, Any]
ZERO = Decimal(0)
MILLION = 1_000_000
LINES = {
    "people": "people",
    "bad_answers": "bad answers",
    "inference": "inference",
    "supporting_layer": "supporting layer",
    "storage_network_ci": "storage, network, CI",
    "model_updates": "model updates",
    "security_compliance": "security, compliance",
}


KINDS = {
    "spend": "cost",
    "mix": "model mix",
    "cache": "cache hit rate",
    "retry": "retries",
    "reasoning": "reasoning",
    "prompt": "prompt length",
    "cost_per_task": "cost per task",
}
# Those a reader can take in; what is beyond is one row that says how many it holds.
ANOMALIES_SHOWN = 15
# So many characters of those that are longer, as anomalies_daily does in root_cause.
KEY_SHOWN = (12, 20)
STATUS = {"ok": ("in plan", "ok"), "alert": ("alert", "watch"), "breach": ("breach", "risk")}


def budget_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="budgets",
        columns=(
            Column("Budget", is_number=False),
            Column("Of", is_number=False),
            Column("Period", is_number=False),
            Column("Amount"),
            Column("Plan to date", hint="a month's budget by the days that are over"),
            Column("Spent"),
            Column("Of plan"),
            Column("Projected", hint="at the end of the period, at the pace of the last seven days"),
            Column("Status", is_number=False, hint="alert from 1.2 x the plan, breach from 1.5 x"),
        ),
        body=tuple(
            (
                Cell(row["budget_name"]),
                Cell(row["scope"], "quiet"),
                Cell(row["period"], "quiet"),
                Cell(text.usd(row["budget_usd"])),
                Cell(text.usd(row["planned_usd"])),
                Cell(text.usd(row["spent_usd"]), "strong"),
                Cell(text.percent(row["spent_of_plan"], 0)),
                Cell(text.usd(row["projected_usd"])),
                Cell(STATUS[row["status"]][0] + (", used up" if row["is_exhausted"] else ""), STATUS[row["status"]][1]),
            )
            for row in rows
        ),
        empty="No budget of budgets.csv holds in this week.",
    )


def anomaly_table(rows: Sequence[Row]) -> Table:
    shown, rest = rows[:ANOMALIES_SHOWN], rows[ANOMALIES_SHOWN:]
    body: list[tuple[Cell, ...]] = [
        (
            Cell(_short(row["name"]) if row["scope"] == "key" else row["name"]),
            Cell(row["scope"], "quiet"),
            Cell(KINDS[row["kind"]]),
            Cell(text.short_day(row["since_date"])),
            Cell(text.count(row["days"])),
            Cell(text.usd_signed(row["impact_usd"]), "strong"),
            Cell(text.count(row["others"]) if row["others"] else "", "quiet"),
            Cell(row["root_cause"]),
            Cell(*_anomaly_state(row)),
        )
        for row in shown
    ]
    if rest:
        amount = text.usd_signed(sum((row["impact_usd"] for row in rest), ZERO))
        others = text.count(sum(row["others"] for row in rest))
        folded = (text.plural(len(rest), "smaller incident"), *[""] * 4, amount, others, "", "")
        body.append(tuple(Cell(cell) for cell in folded))
    return Table(
        name="anomalies",
        columns=(
            Column("What", is_number=False),
            Column("Of", is_number=False),
            Column("Off", is_number=False),
            Column("Since", is_number=False),
            Column("Days", hint="of this week"),
            Column("Money", hint="above what was to be expected; of the cache, savings that were lost"),
            Column(
                "Seen also", hint="of other tenants, features, models, keys and kinds: the same thing, in no sum here"
            ),
            Column("Cause", is_number=False),
            Column("State", is_number=False),
        ),
        body=tuple(body),
        empty="Nothing was off in this week.",
    )


def _short(key: str) -> str:
    """As much of a key's hash as the cause has of it."""
    return key if len(key) <= KEY_SHOWN[1] else f"{key[: KEY_SHOWN[0]]}…"


def _anomaly_state(row: Row) -> tuple[str, str]:
    if row["state"] == "open":
        return "open", "risk"
    return f"acknowledged by {row['state_who']}: {row['state_why']}", "quiet"


def break_even_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="selfhost",
        columns=(
            Column("Workload", is_number=False),
            Column("Against", is_number=False),
            Column("Million tokens", hint="of a whole month, those that could move"),
            Column("There"),
            Column(
                "Own GPUs",
                hint="whole replicas, no fewer than availability needs, with the people and stack around them",
            ),
            Column("Replicas"),
            Column("Break-even", hint="million tokens a month from which own GPUs cost no more"),
            Column("Load", hint="throughput utilisation: tokens / what the replicas sustain"),
            Column("Load needed", hint="throughput utilisation at which both cost the same"),
            Column("Verdict", is_number=False),
            Column("Not a question of cost", is_number=False),
        ),
        body=tuple(
            (
                Cell(row["workload_id"]),
                Cell(row["comparator_id"], "quiet"),
                Cell(_millions(row["tokens_per_month"])),
                _known(row["api_cost_per_month_usd"], text.usd, "a call has no price there"),
                _known(row["self_hosted_cost_per_month_usd"], text.usd, "a rate or the overhead is not known"),
                Cell(text.count(row["replicas"])),
                _known(row["break_even_tokens_per_month"], _millions, "no volume within capacity breaks even"),
                _known(row["throughput_utilisation"], text.percent, "nothing is sustained"),
                _known(row["break_even_utilisation"], text.percent, "a price or rate is unknown, or no load pays"),
                Cell(VERDICTS[row["verdict"]], "strong"),
                Cell((row["flags"] or text.NONE).replace("_", " "), "quiet"),
            )
            for row in rows
        ),
        empty="No workload of self_hosting.yml has a month that is over.",
    )


def break_even_chart(rows: Sequence[Row]) -> Markup | str:
    """Two bars for each comparison whose costs are both known."""
    known = [row for row in rows if None not in (row["api_cost_per_month_usd"], row["self_hosted_cost_per_month_usd"])]
    bars = [
        charts.Bar(
            f"{row['workload_id']}, {side}", cost, text.usd(cost), is_own, f"{row['workload_id']}: {in_words(row)}"
        )
        for row in known
        for side, cost, is_own in (
            (row["comparator_id"], row["api_cost_per_month_usd"], False),
            ("own GPUs", row["self_hosted_cost_per_month_usd"], True),
        )
    ]
    return charts.bars("selfhost", "Cost of a month at an API and on own GPUs, by workload", bars) if bars else ""


def verdicts(rows: Sequence[Row]) -> list[str]:
    return [f"{row['workload_id']} against {row['comparator_id']}: {in_words(row)}" for row in rows]


def capacity_table(rows: Sequence[Row]) -> Table:
    return Table(
        name="capacity",
        columns=(
            Column("Workload", is_number=False),
            Column("Shape", is_number=False),
            Column("P50", hint="tokens per second of the windows of five minutes, input and output"),
            Column("P95"),
            Column("P99"),
            Column("Replicas needed", hint="by the rule of the shape, no fewer than availability needs"),
            Column("Worth reserving", hint="replicas of the P50 window"),
            Column("Bursting", hint="replicas above them"),
            Column("GPUs needed"),
            Column("GPUs there", hint="that are the deployment's"),
        ),
        body=tuple(
            (
                Cell(row["workload_id"]),
                Cell(row["shape"].replace("_", " "), "quiet"),
                *(Cell(f"{row[f'{name}_tokens_per_second']:,.1f}") for name in ("p50", "p95", "p99")),
                *(
                    _known(row[name], text.count, "self_hosting.yml does not say what a replica sustains")
                    for name in ("replicas_needed", "reserved_replicas", "burst_replicas", "gpus_needed")
                ),
                _known(row["provisioned_gpus"], text.plain, "no deployment has GPUs for it alone"),
            )
            for row in rows
        ),
        empty="No workload of self_hosting.yml had a call in this week.",
    )


def capacity_chart(rows: Sequence[Row]) -> Markup | str:
    """GPUs the load asks for, beside those that are there."""
    bars = [
        charts.Bar(
            f"{row['workload_id']}, {side}",
            Decimal(gpus),
            text.plain(gpus),
            is_own,
            f"{row['workload_id']}: {text.gpus(gpus)} {side}",
        )
        for row in rows
        for side, gpus, is_own in (
            ("needed", row["gpus_needed"], False),
            ("there", row["provisioned_gpus"], True),
        )
        if gpus is not None
    ]
    return charts.bars("capacity", "GPUs the load asks for and GPUs that are there, by workload", bars) if bars else ""


def ownership_table(rows: Sequence[Row]) -> Table:
    """Cash and economic cost of each line; cents are shared out so that each column adds up."""
    cash = largest_remainder([row["cash_usd"] for row in rows], CENTS)
    economic = largest_remainder([row["economic_usd"] or ZERO for row in rows], CENTS)
    paid = sum((row["cash_usd"] for row in rows), ZERO)
    body = [
        (
            Cell(_line(row)),
            Cell(text.usd(line_cash), "strong" if line_cash else "zero"),
            Cell(text.percent(row["cash_usd"] / paid)) if paid else absent("nothing was paid"),
            absent("nobody has put a cost on them")
            if row["economic_usd"] is None
            else Cell(text.usd(line_economic), "" if line_economic else "zero"),
            Cell(text.count(row["unvalued_wrong_answers"]), "" if row["unvalued_wrong_answers"] else "zero"),
        )
        for row, line_cash, line_economic in zip(rows, cash, economic, strict=True)
    ]
    total = (
        Cell("Total"),
        Cell(text.usd(sum(cash, ZERO))),
        Cell("100.0%") if paid else absent("nothing was paid"),
        Cell(text.usd(sum(economic, ZERO))),
        Cell(text.count(sum(row["unvalued_wrong_answers"] for row in rows))),
    )
    return Table(
        name="tco",
        columns=(
            Column("Line", is_number=False),
            Column("Cash"),
            Column("Share of cash"),
            Column("Economic", hint="owned GPUs by the capital they bind, bad answers at what they cost to put right"),
            Column("Not in it", hint="wrong answers without a remediation cost in tco.yml"),
        ),
        body=tuple(body),
        total=total if rows else (),
        empty="The ledger covers no month in full yet.",
    )


def ownership_chart(rows: Sequence[Row]) -> Markup | str:
    bars = [
        charts.Bar(
            _line(row),
            row["economic_usd"],
            text.usd(row["economic_usd"]),
            row["line"] == "inference",
            f"{_line(row)}: {text.usd(row['economic_usd'])}, in cash {text.usd(row['cash_usd'])}",
        )
        for row in rows
        if row["economic_usd"] is not None
    ]
    return charts.bars("tco", "Economic cost of a month by line of the total cost of ownership", bars) if bars else ""


def architecture_table(rows: Sequence[Row]) -> Table:
    """Architectures of each scenario; the one with the least cost per correct answer is set strong."""
    body = [
        (
            Cell(row["scenario_id"]),
            Cell(row["alternative_id"], "strong" if row["is_least_per_correct_answer"] else ""),
            _known(row["cost_usd"], text.usd, "calls have no price there"),
            _known(row["cost_per_answer_usd"], _small_usd, "calls have no price there"),
            _known(row["correct_answer_rate"], text.percent, "nobody has judged answers of it"),
            _known(
                row["cost_per_correct_answer_usd"],
                _small_usd,
                "it needs a cost, 30 judged answers and what a wrong one costs",
            ),
            _known(row["latency_p95_seconds"], lambda seconds: f"{seconds:,.1f} s", "not said"),
            Cell(_beside(row), "quiet"),
        )
        for row in rows
    ]
    return Table(
        name="architectures",
        columns=(
            Column("Scenario", is_number=False),
            Column("Architecture", is_number=False),
            Column("Month"),
            Column("An answer"),
            Column("Correct", hint="of the answers somebody judged; in place, of the tasks whose outcome is known"),
            Column(
                "A correct answer", hint="(cost per answer + (1 - p) x what a wrong one costs) / p; the least is strong"
            ),
            Column("P95", hint="of latency; measured in place, as stated for the others"),
            Column("Beside the money", is_number=False),
        ),
        body=tuple(body),
        empty="No scenario of scenarios.yml has calls in a whole month.",
    )


def _beside(row: Row) -> str:
    said = [str(row[name]) for name in ("data_residency", "compliance", "availability_risk") if row[name]]
    if row["switching_usd"] is not None:
        said.append(f"switching costs {text.usd(row['switching_usd'])}")
    if row["break_even_calls"] is not None:
        said.append(f"paid back after {text.plural(ceil(row['break_even_calls']), 'call')}")
    return "; ".join(said)


def _small_usd(value: float) -> str:
    return f"${value:,.4f}"


def token_bill_share(rows: Sequence[Row]) -> str:
    """The bill for tokens as a share of all that was paid, or why there is none."""
    cash = sum((row["cash_usd"] for row in rows), ZERO)
    if not cash:
        return "unknown"
    return text.percent(sum((row["token_bill_usd"] for row in rows), ZERO) / cash)


def _line(row: Row) -> str:
    return LINES[row["line"]]


def _millions(tokens: Decimal | int) -> str:
    return f"{Decimal(tokens) / MILLION:,.1f}"


def _known(value: Any, write: Callable[[Any], str], reason: str) -> Cell:
    return absent(reason) if value is None else Cell(write(value))
