"""The journal of a posting period, as each accounting system takes it.

The mart journal_lines is the journal; a dialect is a file in journals/ that says how its columns are written. Nothing
is computed here but the split of a journal that is too long for a file.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from assets.exports import ExportError
from assets.exports.files import File, write_files
from assets.exports.safe_csv import to_csv
from assets.marts import open_marts, rows
from sources.settings.models import UNMAPPED

NAME = "journal"
OFFSETS = ("clearing", "accrued_liability")
MISSING_SHOWN = 10
ZERO = Decimal(0)
Line = dict[str, Any]


@dataclass(frozen=True)
class Mapping:
    """How one system takes a journal. A column is a text with names of the journal in braces; one alone keeps its type.

    {text, with} is a text that is left out where the name it goes with is empty.
    """

    columns: dict[str, Any]
    date_format: str = "%Y-%m-%d"
    lines_a_file: int | None = None
    header: bool = True
    byte_order_mark: bool = False
    when_empty: dict[str, str] = field(default_factory=dict)

    def cells(self, line: Line) -> list[object]:
        return [self._cell(column, line) for column in self.columns.values()]

    def _cell(self, column: Any, line: Line) -> object:
        if isinstance(column, dict):
            return column["text"] if line[column["with"]] is not None else None
        name = column[1:-1]
        if name in line and not isinstance(line[name], date):
            return self.when_empty.get(name) if line[name] is None else line[name]
        return column.format_map({key: self._text(value) for key, value in line.items()})

    def _text(self, value: object) -> str:
        if isinstance(value, date):
            return value.strftime(self.date_format)
        return "" if value is None else str(value)


@cache
def mapping(dialect: str) -> Mapping:
    return Mapping(**yaml.safe_load((Path(__file__).parent / "journals" / f"{dialect}.yml").read_text()))


def write(
    marts: Path, out_dir: Path, period: str, dialect: str | None = None, data_version: str | None = None
) -> list[Path]:
    """Write the journals of one posting period, and their manifest. A line without an account stops it."""
    system = dialect or "neutral"
    name = NAME if system == "neutral" else f"{NAME}_{system}"
    form = mapping(system)
    lines = _lines(marts, period)
    _require_accounts(lines, marts)
    batch = hashlib.sha256(repr([sorted(line.items()) for line in lines]).encode()).hexdigest()[:16]
    journals = [list(group) for _, group in groupby(lines, key=lambda line: line["journal_id"])]
    chunks = list(_files([part for journal in journals for part in _parts(journal, form.lines_a_file)], form))
    files = {}
    for number, chunk in enumerate(chunks, 1):
        cells = [form.cells(_named(line, batch)) for line in chunk]
        content = to_csv(tuple(form.columns) if form.header else None, cells, form.byte_order_mark)
        files[f"{name}.csv" if len(chunks) == 1 else f"{name}_{number}.csv"] = File(content, len(chunk))
    facts = {
        "period": period,
        "data_version": data_version,
        "batch_hash": batch,
        "rows": sum(map(len, chunks)),
        "journals": [_journal_facts(journal) for journal in journals],
        **_totals(lines),
    }
    return write_files(out_dir, name, files.items(), facts)


def _lines(marts: Path, period: str) -> list[Line]:
    with open_marts(marts) as connection:
        found = rows(
            connection,
            """
            select
                lines.*,
                coalesce(tenants.tenant_name, lines.tenant_id) as tenant_name
            from journal_lines as lines
            left join dim_tenants as tenants on lines.tenant_id = tenants.tenant_id
            where lines.posting_period = $period
            order by lines.journal_id, lines.line_no
            """,
            {"period": period},
        )
        if found:
            return found
        months = rows(connection, "select distinct posting_period from journal_lines order by 1")
    available = ", ".join(row["posting_period"] for row in months) or "none"
    raise ExportError(f"{marts}: no journal lines in {period}; available: {available}")


def _require_accounts(lines: Sequence[Line], marts: Path) -> None:
    missing: dict[str, Decimal] = {}
    for line in lines:
        if line["account"] == UNMAPPED:
            keys = ("line_type", "cost_nature", "service_provider", "cost_center")
            named = ", ".join(f"{key} {line[key]}" for key in keys if line[key] is not None)
            missing[named] = missing.get(named, ZERO) + _amount(line)
    if missing:
        shown = [f"  {named}: {amount:f} USD" for named, amount in sorted(missing.items())]
        more = [f"  and {len(shown) - MISSING_SHOWN} more"] if len(shown) > MISSING_SHOWN else []
        count = f"{len(shown)} kinds of line have no account; add rows to config/gl_map.csv and run again:"
        raise ExportError("\n".join([count, *shown[:MISSING_SHOWN], *more]))


def _parts(journal: list[Line], most: int | None) -> Iterator[list[Line]]:
    """The journal, or several that balance: each with what its own lines stand against."""
    if most is None or len(journal) <= most:
        yield journal
        return
    bodies = [line for line in journal if line["line_type"] not in OFFSETS]
    offset = next((line for line in journal if line["line_type"] in OFFSETS), None)
    if offset is None:
        lines = f"{journal[0]['journal_id']}: {len(journal)} lines that net to zero, without one to clear them against"
        raise ExportError(f"{lines}, cannot be cut to {most} a journal; take a form without that limit")
    for number, start in enumerate(range(0, len(bodies), most - 1), 1):
        body = bodies[start : start + most - 1]
        total = sum(map(_amount, body), ZERO)
        against = offset | {"debit_usd": -total if total < 0 else None, "credit_usd": total if total > 0 else None}
        part = [*body, against] if total else body
        journal_id = f"{offset['journal_id']}-{number}"
        yield [line | {"journal_id": journal_id, "line_no": place} for place, line in enumerate(part, 1)]


def _files(parts: Iterable[list[Line]], form: Mapping) -> Iterator[list[Line]]:
    """Journals of a file, as many as it takes: a journal is never cut."""
    file: list[Line] = []
    for part in parts:
        if form.lines_a_file is not None and file and len(file) + len(part) > form.lines_a_file:
            yield file
            file = []
        file = [*file, *part]
    yield file


def _named(line: Line, batch: str) -> Line:
    """The line with the names the mappings use beside the mart's columns."""
    tenant, moment = line["tenant_name"], line["posting_date"]
    return line | {
        "amount_usd": _amount(line),
        "batch_hash": batch,
        "of_tenant": "" if tenant is None else f": {tenant}",
        "journal_memo": line["memo"],
        "period_name": f"{moment:%b %Y}",
    }


def _amount(line: Line) -> Decimal:
    """Debits positive, credits negative."""
    return (line["debit_usd"] or ZERO) - (line["credit_usd"] or ZERO)


def _totals(lines: Sequence[Line]) -> dict[str, str]:
    sides = ("debit_usd", "credit_usd")
    return {side: f"{sum((line[side] or ZERO for line in lines), ZERO):f}" for side in sides}


def _journal_facts(journal: Sequence[Line]) -> dict[str, Any]:
    first = journal[0]
    keys = ("journal_id", "kind", "service_provider", "billing_account_id")
    return {**{key: first[key] for key in keys}, "rows": len(journal), **_totals(journal)}
