"""What a new price book moved: calls of two published versions at other prices, by month, model and tenant.

Written once for the version that reprices them: prices/repriced/<version>.json in the home.
"""

import json
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from assets.marts import UNATTRIBUTED, open_marts, rows
from sources.home import Home


@dataclass(frozen=True)
class Moved:
    """Calls of a month, model and tenant. The differences are of calls that both books price."""

    month: str
    service_provider: str
    model: str
    tenant_id: str
    calls: int
    list_difference_usd: Decimal
    contracted_difference_usd: Decimal
    newly_priced_calls: int
    newly_unpriced_calls: int


@dataclass(frozen=True)
class Repriced:
    """What moved from one price book version to another, in two published versions; without lines, nothing did."""

    book_before: str
    book: str
    version_id: str
    lines: list[Moved]

    @property
    def calls(self) -> int:
        return sum(line.calls for line in self.lines)

    def __str__(self) -> str:
        books = f"price book {self.book_before} -> {self.book}"
        if not self.lines:
            return f"{books}: no call of before costs anything else"
        moved = {
            "list": sum(line.list_difference_usd for line in self.lines),
            "contracted": sum(line.contracted_difference_usd for line in self.lines),
        }
        amounts = ", ".join(f"{name} {amount:+,.4f} USD" for name, amount in moved.items())
        changed = {
            "newly priced": sum(line.newly_priced_calls for line in self.lines),
            "no longer priced": sum(line.newly_unpriced_calls for line in self.lines),
        }
        counts = "".join(f", {number:,} {what}" for what, number in changed.items() if number)
        return f"{books}: {self.calls:,} calls repriced{counts}, {amounts}"


def note_repricing(home: Home, version_id: str, before: Path, book_before: str, database: Path, book: str) -> Repriced:
    """Compare the calls of two versions of marts.duckdb and keep what moved."""
    with open_marts(database) as marts:
        marts.execute(f"attach '{before.resolve()}' as before (read_only)")
        lines = [Moved(**row) for row in rows(marts, _MOVED)]
    repriced = Repriced(book_before, book, version_id, lines)
    path = _folder(home) / f"{version_id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(repriced), indent=1, default=_text) + "\n", encoding="utf-8")
    temporary.replace(path)
    return repriced


def repricings(home: Home) -> list[Repriced]:
    """Every repricing of the home, in the order they were written."""
    paths = sorted(_folder(home).glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [_read(json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def _read(raw: dict[str, Any]) -> Repriced:
    amounts = ("list_difference_usd", "contracted_difference_usd")
    lines = [Moved(**{**line, **{name: Decimal(line[name]) for name in amounts}}) for line in raw.pop("lines")]
    return Repriced(**raw, lines=lines)


def _folder(home: Home) -> Path:
    return home.prices / "repriced"


def _text(amount: Decimal) -> str:
    return f"{amount:f}"


# A call whose tokens were read anew is other usage, not another price.
_MOVED = f"""
    select
        strftime(new.usage_date, '%Y-%m') as month,
        new.service_provider,
        new.model,
        coalesce(new.tenant_id, '{UNATTRIBUTED}') as tenant_id,
        count(*) as calls,
        coalesce(sum(new.list_cost_usd - old.list_cost_usd), 0)::decimal(38, 12) as list_difference_usd,
        coalesce(sum(new.contracted_cost_usd - old.contracted_cost_usd), 0)::decimal(38, 12)
            as contracted_difference_usd,
        count(*) filter (where old.contracted_cost_usd is null and new.contracted_cost_usd is not null)
            as newly_priced_calls,
        count(*) filter (where old.contracted_cost_usd is not null and new.contracted_cost_usd is null)
            as newly_unpriced_calls
    from fct_usage as new
    inner join before.fct_usage as old using (call_id)
    where
        new.total_input_tokens = old.total_input_tokens
        and new.total_output_tokens = old.total_output_tokens
        and new.service_tier = old.service_tier
        and (
            new.list_cost_usd is distinct from old.list_cost_usd
            or new.contracted_cost_usd is distinct from old.contracted_cost_usd
        )
    group by all
    order by all
"""
