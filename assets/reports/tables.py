"""The report's tables as cells ready to print. Cents are shared out by largest remainder, so printed rows add up to the
printed total, column by column and row by row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from assets.marts import UNATTRIBUTED
from assets.reports import charts, text
from sources.money import largest_remainder

Row = Mapping[str, Any]
ZERO = Decimal(0)
CENTS = 2
CENT = Decimal(1).scaleb(-CENTS)
# Rows a reader can take in; what is beyond is folded into one row that says how many it holds.
ROWS_SHOWN = 25
CACHE_ROWS_SHOWN = 40
COMPONENTS = ("direct_cost_usd", "shared_cost_usd", "idle_cost_usd", "unattributed_cost_usd")


@dataclass(frozen=True)
class Cell:
    """One printed value. `reason` says why there is none; `css` is a band or a state, always beside a word."""

    text: str
    css: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Column:
    label: str
    is_number: bool = True
    hint: str = ""


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    body: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    empty: str = ""


def absent(reason: str) -> Cell:
    return Cell(text.NONE, "none", reason)


def cents(rows: Sequence[Row], parts: Sequence[str], total: Callable[[Row], Decimal]) -> list[tuple[Decimal, ...]]:
    """Each row's total and parts in cents, such that every row and every column adds up as printed.

    Totals share the rounded sum and columns share it too, both by largest remainder; a cell is then at most a few cents
    off its own amount.
    """
    totals = largest_remainder([total(row) for row in rows], CENTS)
    exact = [[row[part] for part in parts] for row in rows]
    cells = [_within(rounded, amounts) for rounded, amounts in zip(totals, exact, strict=True)]
    _settle_columns(cells, exact)
    return [(rounded, *row) for rounded, row in zip(totals, cells, strict=True)]


def _within(total: Decimal, parts: Sequence[Decimal]) -> list[Decimal]:
    """Parts in cents that sum to `total`, which may be a cent off their own rounded sum."""
    if not parts:
        return []
    rounded = largest_remainder(parts, CENTS)
    largest = max(range(len(parts)), key=lambda index: abs(parts[index]))
    rounded[largest] += total - sum(rounded, ZERO)
    return rounded


def _settle_columns(cells: list[list[Decimal]], exact: Sequence[Sequence[Decimal]]) -> None:
    """Move single cents along rows until every column has its rounded sum; a cell that is 0 stays 0 where it can."""
    targets = largest_remainder([sum(column, ZERO) for column in zip(*exact, strict=True)], CENTS)
    while True:
        columns = zip(*cells, strict=True)
        gaps = [target - sum(column, ZERO) for target, column in zip(targets, columns, strict=True)]
        if not any(gaps) or sum(gaps, ZERO):
            return
        up, down = gaps.index(max(gaps)), gaps.index(min(gaps))

        def strays(row: int, up: int = up, down: int = down) -> tuple[bool, Decimal]:
            ahead, behind = cells[row][up] - exact[row][up], exact[row][down] - cells[row][down]
            return not (exact[row][up] and exact[row][down]), max(ahead, behind)

        row = min(range(len(cells)), key=strays)
        cells[row][up] += CENT
        cells[row][down] -= CENT


def sums(printed: Sequence[Sequence[Decimal]]) -> list[Cell]:
    return [Cell(text.usd(sum(column, ZERO))) for column in zip(*printed, strict=True)]


def change(row: Row) -> Cell:
    """Change on the week before, which is no share where there was no cost."""
    if row["previous_week_cost_usd"] is None:
        return absent("no cost in the week before")
    if row["cost_change_share"] is None:
        return absent("the week before cost nothing")
    return Cell(text.percent_signed(row["cost_change_share"]))


def fold(rows: Sequence[Row], sum_keys: Sequence[str], label: Callable[[int], Row]) -> list[Row]:
    """At most ROWS_SHOWN rows; the smaller ones become one row, the unattributed row always stays."""
    kept = [row for row in rows if UNATTRIBUTED not in (row.get("tenant_id"), row.get("feature_id"))]
    apart = [row for row in rows if row not in kept]
    if len(kept) <= ROWS_SHOWN:
        return list(rows)
    rest = kept[ROWS_SHOWN - 1 :]
    folded = dict(label(len(rest))) | {key: sum((row[key] or 0 for row in rest), ZERO) for key in sum_keys}
    before = folded.get("previous_week_cost_usd")
    folded["cost_change_share"] = float(folded["total_cost_usd"] / before - 1) if before else None
    return [*kept[: ROWS_SHOWN - 1], folded, *apart]


def tenant_table(
    rows: Sequence[Row],
    revenue: Mapping[str, Row],
    history: Mapping[str, Mapping[date, Decimal]],
    weeks: Sequence[date],
) -> Table:
    sum_keys = ("total_cost_usd", *COMPONENTS, "previous_week_cost_usd")
    shown = fold(rows, sum_keys, lambda n: {"tenant_id": "", "tenant_name": text.plural(n, "smaller tenant")})
    printed = cents(shown, COMPONENTS, lambda row: row["total_cost_usd"])
    body = []
    for row, amounts in zip(shown, printed, strict=True):
        past = history.get(row["tenant_id"], {})
        line = charts.sparkline([past.get(week) for week in weeks], f"weekly cost of {row['tenant_name']}")
        body.append(
            (
                Cell(row["tenant_name"], "unattributed" if row["tenant_id"] == UNATTRIBUTED else ""),
                Cell(line),
                Cell(text.usd(amounts[0]), "strong"),
                change(row),
                *(Cell(text.usd(amount), "" if amount else "zero") for amount in amounts[1:]),
                *_band_cells(row["tenant_id"], revenue),
            )
        )
    return Table(
        name="tenants",
        columns=(
            Column("Tenant", is_number=False),
            Column("Past weeks", is_number=False, hint="weekly cost, each from zero to its own highest week"),
            Column("Cost"),
            Column("Change", hint="on the week before"),
            Column("Direct", hint="calls the tenant made"),
            Column("Shared", hint="common charges placed by rule"),
            Column("Idle", hint="paid capacity nobody used, placed by rule"),
            Column("Unattributed", hint="no tenant is known"),
            Column("Per revenue $", hint="cogs cost / revenue of the same week"),
            Column("Band", is_number=False, hint="healthy to 0.15, watch to 0.30, risk above"),
        ),
        body=tuple(body),
        total=(Cell("Total"), Cell(""), *_total_with_gap(printed), Cell(""), Cell("")),
    )


def _total_with_gap(printed: Sequence[Sequence[Decimal]]) -> list[Cell]:
    total, *parts = sums(printed)
    return [total, Cell(""), *parts]


def band(value: Decimal) -> str:
    """The dictionary's bands; the mart's own band is per product and plan, this one per tenant."""
    return "healthy" if value <= Decimal("0.15") else "watch" if value <= Decimal("0.30") else "risk"


def revenue_ratio(row: Row | None) -> Decimal | None:
    return row["cogs_cost_usd"] / row["revenue_usd"] if row and row["revenue_usd"] > 0 else None


def _band_cells(tenant_id: str, revenue: Mapping[str, Row]) -> tuple[Cell, Cell]:
    value = revenue_ratio(revenue.get(tenant_id))
    if value is None:
        return absent("no revenue in this week"), absent("no revenue in this week")
    return Cell(text.unit_usd(value)), Cell(band(value), f"band {band(value)}")


def feature_table(rows: Sequence[Row], tasks: Mapping[str, Row], cache: Mapping[str, Decimal | None]) -> Table:
    sum_keys = ("total_cost_usd", "previous_week_cost_usd", "requests", "direct_cost_usd")
    shown = fold(rows, sum_keys, lambda n: {"feature_id": "", "feature_name": text.plural(n, "smaller feature")})
    printed = cents(shown, (), lambda row: row["total_cost_usd"])
    body = []
    for row, (amount,) in zip(shown, printed, strict=True):
        requests = int(row["requests"])
        per_request = Cell(text.unit_usd(row["direct_cost_usd"] / requests)) if requests else absent("no request")
        rate = cache.get(row["feature_id"])
        body.append(
            (
                Cell(row["feature_name"], "unattributed" if row["feature_id"] == UNATTRIBUTED else ""),
                Cell(text.usd(amount), "strong"),
                change(row),
                Cell(text.count(requests)),
                per_request,
                *_task_cells(tasks.get(row["feature_id"])),
                absent("no input to a model with a prompt cache") if rate is None else Cell(text.percent(rate)),
            )
        )
    return Table(
        name="features",
        columns=(
            Column("Feature", is_number=False),
            Column("Cost"),
            Column("Change", hint="on the week before"),
            Column("Requests"),
            Column("Per request", hint="direct cost / requests"),
            Column("Tasks", hint="tasks that ended in the week"),
            Column("Resolved", hint="of tasks with a known outcome"),
            Column("Per resolved task", hint="cost of ended tasks with a known outcome / resolved ones"),
            Column("Cache hit rate"),
        ),
        body=tuple(body),
        total=(Cell("Total"), *sums(printed), *(Cell("") for _ in range(7))),
    )


def _task_cells(row: Row | None) -> tuple[Cell, Cell, Cell]:
    if row is None:
        missing = absent("no task ended in this week")
        return missing, missing, missing
    known, resolved = row["outcome_known_tasks"], row["resolved_tasks"]
    return (
        Cell(text.count(row["tasks"])),
        Cell(text.percent(Decimal(resolved) / known)) if known else absent("no outcome is known"),
        Cell(text.unit_usd(row["outcome_known_cost_usd"] / resolved)) if resolved else absent("no task was resolved"),
    )


def model_table(rows: Sequence[Row]) -> Table:
    printed = cents(rows, (), lambda row: row["total_cost_usd"])
    body = []
    for row, (amount,) in zip(rows, printed, strict=True):
        tokens = int((row["input_tokens"] or 0) + (row["output_tokens"] or 0))
        price = Cell(text.usd(row["total_cost_usd"] / tokens * 1_000_000)) if tokens else absent("no tokens")
        is_rest = row["model"] == UNATTRIBUTED
        body.append(
            (
                Cell(
                    "no model (fees, idle, other meters)" if is_rest else row["model"],
                    "unattributed" if is_rest else "",
                ),
                Cell(_host(row), "quiet"),
                Cell(text.usd(amount), "strong"),
                change(row),
                Cell(text.percent(row["cost_share"])) if row["cost_share"] is not None else absent("no cost"),
                Cell(text.count(row["calls"])),
                Cell(f"{tokens / 1_000_000:,.1f}") if tokens else absent("no tokens"),
                price,
            )
        )
    return Table(
        name="models",
        columns=(
            Column("Model", is_number=False),
            Column("Billed by", is_number=False),
            Column("Cost"),
            Column("Change", hint="on the week before"),
            Column("Share", hint="of all cost"),
            Column("Calls"),
            Column("Tokens, M", hint="input and output, million"),
            Column("Per M tokens", hint="cost / tokens, blended"),
        ),
        body=tuple(body),
        total=(Cell("Total"), Cell(""), *sums(printed), *(Cell("") for _ in range(5))),
    )


def _host(row: Row) -> str:
    provider: str = row["service_provider"]
    return provider if row["host"] in ("direct", None, "") else f"{provider}, {row['host'].replace('_', '-')}"


def cache_table(rows: Sequence[Row], names: Mapping[str, str]) -> Table:
    """Dearest savings first; what does not fit is one row that says how many it holds."""
    keys = ("total_input_tokens", "cache_read_tokens", "cache_savings_usd")
    rest = rows[CACHE_ROWS_SHOWN - 1 :] if len(rows) > CACHE_ROWS_SHOWN else []
    shown = list(rows[: len(rows) - len(rest)])
    if rest:
        sums_of_rest = {key: sum((row[key] or 0 for row in rest), ZERO) for key in keys}
        shown.append({"feature_id": f"{len(rest)} more pairs of feature and model", "model": "", **sums_of_rest})
    printed = cents(shown, (), lambda row: row["cache_savings_usd"] or ZERO)
    body = [
        (
            Cell(names.get(row["feature_id"], row["feature_id"])),
            Cell(row["model"], "quiet"),
            Cell(f"{Decimal(row['total_input_tokens']) / 1_000_000:,.1f}"),
            *_hit_cells(row),
            Cell(text.usd(amount)),
        )
        for row, (amount,) in zip(shown, printed, strict=True)
    ]
    return Table(
        name="cache",
        columns=(
            Column("Feature", is_number=False),
            Column("Model", is_number=False),
            Column("Input, M tokens"),
            Column("Hit rate", hint="cache reads / all input tokens"),
            Column("Band", is_number=False, hint="good from 80%, fair from 30%, poor below"),
            Column("Saved", hint="plain input price - what the input cost, write premium taken off"),
        ),
        body=tuple(body),
        total=(Cell("Total"), *(Cell("") for _ in range(4)), *sums(printed)) if body else (),
        empty="No model with a prompt cache was called in this week.",
    )


def hit_rate(row: Row) -> Decimal | None:
    total = Decimal(row["total_input_tokens"])
    return Decimal(row["cache_read_tokens"]) / total if total else None


def _hit_cells(row: Row) -> tuple[Cell, Cell]:
    rate = hit_rate(row)
    if rate is None:
        return absent("no input tokens"), absent("no input tokens")
    word = "good" if rate >= Decimal("0.8") else "fair" if rate >= Decimal("0.3") else "poor"
    return Cell(text.percent(rate), "strong"), Cell(word, f"band {word}")
