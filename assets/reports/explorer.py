"""The explorer: one self-contained page of the published marts to filter, break down, link to and download from.

The page is static: the numbers as columns, the drawing library that ships in vl-convert, and explorer.js. Nothing is
fetched when it is opened, and its policy lets nothing run but these scripts. Whoever opens it can read every row in
it, so each audience gets a page of its own. The same marts give the same bytes.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import vl_convert
from duckdb import DuckDBPyConnection
from markupsafe import Markup

from assets.marts import UNATTRIBUTED, open_marts
from assets.reports import explorer_queries, queries, text
from assets.reports.audience import COMPANY, Audience
from assets.reports.change import EFFECTS
from assets.reports.scoped_marts import open_for
from assets.reports.weekly import WEEK, ReportError, ReportMeta, environment, monday
from assets.reports.what_if_rates import CLASSES, rates_of
from sources.money import largest_remainder
from sources.pricing.versions import Book

FILE_NAME = "explorer.html"
# 17,000 rows with long names are 2.0 MB; with the 0.9 MB of the drawing library the page stays under 3 MB.
ROWS_SHOWN = 17_000
# The id that small tenants are folded under, which no settings file can hold.
FOLDED = ""
MICRO = 6
_A_MICRO = Decimal(1).scaleb(-MICRO)
DIMENSIONS = ("tenant", "product", "feature", "provider", "model")
MONEY = ("cost_usd", *EFFECTS)
COUNTS = ("calls", "tokens", "cacheable_tokens", "cached_tokens", "unpriced_calls")


@dataclass(frozen=True)
class Explorer:
    path: Path
    week_start: date
    rows: int
    folded_tenants: int


def write_explorer(
    marts: Path,
    path: Path,
    week: str | date,
    meta: ReportMeta,
    audience: Audience = COMPANY,
    book: Book | None = None,
    rows_shown: int = ROWS_SHOWN,
) -> Explorer:
    """Write the page of the weeks up to `week`, with the rows of `audience` only.

    With a price book, the page of the company and of a product asks what if; what is paid is no tenant's business.
    """
    last = monday(week)
    with open_marts(marts) as connection:
        if last not in queries.weeks(connection):
            raise ReportError(f"{marts}: no data for {text.week_label(last)}")
    with open_for(marts, audience) as connection:
        available = [past for past in queries.weeks(connection) if past <= last]
        if not available:
            raise ReportError(f"{audience}: no row of the marts is of it in the weeks up to {last}")
        # A week of silence has its place too, and revenue may be all there is of it.
        count = min((last - available[0]) // WEEK + 1, queries.WEEKS_SHOWN)
        weeks = [last - back * WEEK for back in reversed(range(count))]
        data, folded = _data(connection, weeks, audience, book, rows_shown)
    scripts = (_bundle(), Markup(_source("explorer.js")))
    style = Markup(_source("weekly.css") + _source("explorer.css"))
    page = {
        "data": data,
        "meta": meta,
        "style": style,
        "scripts": scripts,
        "policy": (
            f"default-src 'none'; script-src {' '.join(map(_digest, scripts))}; style-src {_digest(style)}; "
            "base-uri 'none'; form-action 'none'"
        ),
    }
    html = environment().get_template("explorer.html.j2").render(page)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(html, encoding="utf-8", newline="\n")
    temporary.replace(path)
    return Explorer(path, last, len(data["rows"]["week"]), folded)


def _data(
    marts: DuckDBPyConnection, weeks: Sequence[date], audience: Audience, book: Book | None, rows_shown: int
) -> tuple[dict[str, Any], int]:
    """What the page holds, as columns, and how many tenants are folded into one."""
    sizes = explorer_queries.tenant_sizes(marts, weeks)
    totals = accumulate(size["rows"] for size in sizes)
    kept = [size["tenant_id"] for size, total in zip(sizes, totals, strict=True) if total <= rows_shown]
    folded = len(sizes) - len(kept)
    facts = explorer_queries.facts(marts, weeks, kept, FOLDED)
    margins = explorer_queries.margins(marts, weeks, kept, FOLDED)
    releases = explorer_queries.releases(marts, weeks)
    calls = explorer_queries.calls_of_text(marts, weeks[-1], kept, FOLDED) if book and audience.kind != "tenant" else []
    renewals = explorer_queries.renewals(marts) if audience.kind != "product" else {}
    known = explorer_queries.names(marts) | {("tenant", FOLDED): f"{text.plural(folded, 'small tenant')} together"}
    ids = {
        name: sorted({row[f"{name}_id"] for row in [*facts, *margins, *releases, *calls] if f"{name}_id" in row})
        for name in DIMENSIONS
    }
    place = {name: {value: index for index, value in enumerate(values)} for name, values in ids.items()}
    place["week"] = {week: index for index, week in enumerate(weeks)}

    def columns(rows: Sequence[queries.Row], dimensions: Iterable[str]) -> dict[str, list[int]]:
        return {
            name: [place[name][row["week_start" if name == "week" else f"{name}_id"]] for row in rows]
            for name in dimensions
        }

    rows = columns(facts, ("week", *DIMENSIONS))
    rows |= {name: [row[name] for row in facts] for name in COUNTS} | {name: _micro(facts, name) for name in MONEY}
    data = {
        "audience": str(audience),
        "weeks": [week.isoformat() for week in weeks],
        "ids": ids,
        "names": {name: [known.get((name, value), value) for value in values] for name, values in ids.items()},
        "unattributed": UNATTRIBUTED,
        "folded_id": FOLDED,
        "folded": folded,
        "effects": [[name, label, hint] for name, (label, hint) in EFFECTS.items()],
        "rows": rows,
        "margins": columns(margins, ("week", "tenant", "product"))
        | {name: _micro(margins, name) for name in ("revenue_usd", "cogs_cost_usd")},
        "renewals": {tenant: day.isoformat() for tenant, day in renewals.items() if tenant in place["tenant"]},
        "what_if": _what_if(calls, columns(calls, ("week", *DIMENSIONS)), book, weeks[-1]) if book and calls else None,
        "ahead": _ahead(queries.months_of_cost(marts)) if audience.kind != "tenant" else None,
        "releases": columns(releases, ("week", "product", "feature"))
        | {
            "name": [row["app_release"] for row in releases],
            "day": [row["first_day"].isoformat() for row in releases],
        },
    }
    return data, folded


def _what_if(calls: Sequence[queries.Row], rows: dict[str, list[int]], book: Book, week: date) -> dict[str, Any]:
    """The newest week's tokens by class, and the rates of its models in micro-dollars per million tokens."""
    used = {(row["provider_id"], row["model_id"]) for row in calls if row["is_text"]}
    rates = rates_of(book, used, week + timedelta(days=6))
    for name in ("calls", *CLASSES):
        rows[name] = [row[name] for row in calls]
    rows["is_text"] = [int(row["is_text"]) for row in calls]
    priced = {
        f"{provider} {model}": {tier: [int(usd.scaleb(MICRO)) for usd in found] for tier, found in tiers.items()}
        for (provider, model), tiers in rates.items()
    }
    return {"rows": rows, "classes": list(CLASSES), "rates": priced}


def _ahead(rows: Sequence[queries.Row]) -> dict[str, Any] | None:
    """Whole months and those ahead, by what the forecast is of: 'product coding', and the whole of the page."""
    if not rows:
        return None
    months = sorted({row["month_start"] for row in rows})
    scopes = {
        " ".join(scope): {
            "months": [months.index(row["month_start"]) for row in of],
            "is_forecast": [int(row["is_forecast"]) for row in of],
            **{
                name: [None if row[name] is None else int(row[name].quantize(_A_MICRO).scaleb(MICRO)) for row in of]
                for name in ("amount_usd", "low_usd", "high_usd")
            },
            "reason": of[-1]["reason"],
        }
        for scope, group in groupby(rows, key=lambda row: (row["scope"], row["scope_id"]))
        for of in [list(group)]
    }
    # a product's page holds its own alone
    whole = "company company" if "company company" in scopes else next(iter(scopes))
    return {"months": [month.isoformat() for month in months], "scopes": scopes, "whole": whole}


def _micro(rows: Sequence[queries.Row], name: str) -> list[int]:
    """Micro-dollars, rounded so that a week's rows add up to the week; below 2^53 a browser adds them exactly."""
    return [
        int(amount.scaleb(MICRO))
        for _, week in groupby(rows, key=lambda row: row["week_start"])
        for amount in largest_remainder([row[name] or Decimal(0) for row in week], MICRO)
    ]


@cache
def _bundle() -> Markup:
    return Markup(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub has no default


def _source(name: str) -> str:
    return (files("assets.reports") / "templates" / name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
