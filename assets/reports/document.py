"""The weekly report as PDF, spreadsheet and CSV, from what the HTML page is made of: same figures, same drawings.

The PDF is made by Typst, tagged as PDF/UA-1 asks; what tenants are called enters it as JSON values, never as markup.
The same page gives the same bytes.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape
from importlib.resources import files
from typing import Any, NamedTuple

import typst
from markupsafe import Markup

from assets.exports import xlsx
from assets.exports.safe_csv import to_csv
from assets.reports import text
from assets.reports.audience import KINDS, Audience, Kind
from assets.reports.kpis import Kpi
from assets.reports.tables import Cell, Table

MINUS = "\N{MINUS SIGN}"
# 1,234.56, $0.31 and +$4.00 are numbers to a spreadsheet; 12.3% and 5.1x stay the text they are.
NUMBER = re.compile(rf"[+{MINUS}]?\$?[\d,]+(\.\d+)?")
CSV_HEADER = ("section", "table", "row", "column", "value")
# Characters from which a cell is wrapped, so that names beside it are not.
SENTENCE = 50
MARGINS = 5
# Excel's limit for the name of a sheet.
SHEET_NAME = 31


class Section(NamedTuple):
    """A chapter: its drawing if it has one, its tables with their captions, and the kinds of audience it is for."""

    name: str
    title: str
    chart: str
    tables: Mapping[str, str]
    audiences: tuple[Kind, ...] = KINDS


_COMPANY: tuple[Kind, ...] = ("company",)
_NO_TENANT: tuple[Kind, ...] = ("company", "product")
# What the page shows, in its order. A table that is not of an audience is not on its page.
SECTIONS = (
    Section(
        "status",
        "Data status",
        "",
        {
            "accounts": "Charges of the week and where they went",
            "invoices": "Invoices of this month and the one before",
        },
    ),
    Section(
        "tasks",
        "Cost per resolved task",
        "task",
        {
            "bridge": "From the tasks that ended in the week to the cost of the week",
            "quality": "What a right answer cost in the last month that is over, by model and effort",
        },
    ),
    Section(
        "change", "Why cost changed", "change", {"change": "Effects on the week's cost", "movers": "Who moved most"}
    ),
    Section("cost", "Cost by provider and model", "models", {}),
    Section(
        "tenants",
        "Tenants",
        "",
        {
            "tenants": "Cost of the week by tenant",
            "contracts": "Tenants that cost more than they bring, or more than a tenth of their contract, last month",
        },
        _NO_TENANT,
    ),
    Section("features", "Features", "", {"features": "Cost of the week by feature"}),
    Section(
        "models",
        "Models",
        "",
        {"models": "Cost of the week by model", "hidden": "Parts of the cost nobody sees in an answer"},
    ),
    Section("cache", "Prompt cache", "cache", {"cache": "Hit rate and money saved in the week, by feature and model"}),
    Section(
        "revenue",
        "Cost per revenue dollar",
        "revenue",
        {"plans": "Products by plan in the last month that is over"},
        _NO_TENANT,
    ),
    Section("anomalies", "Anomalies", "", {"anomalies": "What was off against the week before, the dearest first"}),
    Section("budgets", "Budgets", "", {"budgets": "What was spent of each budget, the fullest first"}),
    Section(
        "forecast",
        "Forecast",
        "forecast",
        {"forecast": "The next twelve months, an estimate"},
        _NO_TENANT,
    ),
    Section(
        "outlook",
        "Products and plan",
        "",
        {
            "forecast_products": "Twelve months of the company and each product, an estimate",
            "plan": "The plan against the journals and the forecast, by account",
            "replan": "What asks for another plan",
        },
        _COMPANY,
    ),
    Section(
        "savings",
        "Savings to weigh",
        "",
        {"savings": "What a change of habit would have saved, the largest first"},
        _NO_TENANT,
    ),
    Section(
        "governance",
        "Rules and limits",
        "",
        {
            "violations": "Calls that model_policy.yml does not allow, the dearest first",
            "rate_limits": "Calls that providers refused, and minutes near a limit",
            "coverage": "Teams whose calls do not all say whose they are",
        },
        _COMPANY,
    ),
    Section("gpu", "Own GPUs", "gpu", {"gpu": "GPU time and what it cost, by node"}, _COMPANY),
    Section(
        "self-hosting",
        "Own GPUs or an API",
        "selfhost",
        {
            "selfhost": "Work that could move, and where it costs less",
            "capacity": "Load of the week and the capacity it asks for",
        },
        _COMPANY,
    ),
    Section(
        "tco",
        "Total cost of ownership",
        "tco",
        {
            "tco": "Seven lines, each hour and each charge in one",
            "architectures": "Other architectures for the same work",
        },
        _COMPANY,
    ),
)


def sections_for(audience: Audience) -> list[Section]:
    """The chapters of the page of an audience, in their order."""
    return [section for section in SECTIONS if audience.kind in section.audiences]


def to_pdf(page: Mapping[str, Any]) -> bytes:
    """PDF/UA-1 of the page; the only date in it is the week's last day."""
    day = page["week_start"] + timedelta(days=6)
    data = {
        "company": " of ".join(filter(None, ["AI unit economics", page["audience_name"]])),
        "week": page["week_label"],
        "span": page["week_span"],
        "summary": page["summary"],
        "kpis": [
            {"label": kpi.measure.label, "value": kpi.text, "changes": [_change(change) for change in kpi.changes]}
            for kpi in page["kpis"]
        ],
        "status": [
            {"state": line.state, "name": line.name, "text": " ".join([line.text, *line.details])}
            for line in page["status"].lines
        ],
        "sections": [
            {
                "title": section.title,
                "chart": _drawing(page["charts"].get(section.chart, "")),
                "tables": [
                    _printed(_without_drawings(page[name]), caption)
                    for name, caption in section.tables.items()
                    if name in page
                ],
            }
            for section in sections_for(page["audience"])
        ],
        "sources": _sources(page),
        "year": day.year,
        "month": day.month,
        "day": day.day,
    }
    document = typst.compile(
        (files("assets.reports") / "templates" / "weekly.typ").read_bytes(),
        format="pdf",
        # fonts of the machine would give other bytes on each
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
        pdf_standards=["ua-1"],
        timestamp=int(datetime(day.year, day.month, day.day, tzinfo=xlsx.CREATED.tzinfo).timestamp()),
    )
    assert isinstance(document, bytes)
    return document


def to_xlsx(page: Mapping[str, Any]) -> bytes:
    """The headline figures and every table with rows, each on a sheet of its own."""
    headline = xlsx.Table(
        "headline",
        ("Figure", "Value", "Against", "Change"),
        [[kpi.measure.label, number(kpi.text), *against] for kpi in page["kpis"] for against in _against(kpi)],
    )
    sheets = [
        xlsx.Table(
            name[:SHEET_NAME],
            [column.label for column in table.columns],
            [[number(cell.text) for cell in row] for row in (*table.body, *([table.total] if table.total else []))],
        )
        for _, name, table in _tables(page)
    ]
    return xlsx.to_xlsx(headline, *sheets)


def to_long_csv(page: Mapping[str, Any]) -> bytes:
    """One line a value: headline figures first, then every table in the page's order."""
    headline = [("Headline", "headline", kpi.measure.label, "Value", number(kpi.text)) for kpi in page["kpis"]]
    cells = [
        (title, name, " / ".join(cell.text for cell in row[:keys] if cell.text), column.label, number(cell.text))
        for title, name, table in _tables(page)
        for keys in [_leading_texts(table)]
        for row in (*table.body, *([table.total] if table.total else []))
        for column, cell in zip(table.columns[keys:], row[keys:], strict=False)
    ]
    return to_csv(CSV_HEADER, [*headline, *cells])


def number(printed: str) -> str | int | Decimal:
    """The number a cell shows, or its text where it shows none."""
    if not NUMBER.fullmatch(printed):
        return printed
    plain = printed.replace("$", "").replace(",", "").replace(MINUS, "-")
    return Decimal(plain) if "." in plain else int(plain)


def _tables(page: Mapping[str, Any]) -> Iterator[tuple[str, str, Table]]:
    for section in sections_for(page["audience"]):
        for name in section.tables:
            if name in page and page[name].body:
                yield section.title, name, _without_drawings(page[name])


def _without_drawings(table: Table) -> Table:
    """Small lines beside a row are of the page only."""
    kept = [place for place in range(len(table.columns)) if not any(_is_drawing(row[place]) for row in table.body)]
    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        body=tuple(tuple(row[place] for place in kept) for row in table.body),
        total=tuple(table.total[place] for place in kept if place < len(table.total)),
    )


def _is_drawing(cell: Cell) -> bool:
    return isinstance(cell.text, Markup)


def _leading_texts(table: Table) -> int:
    """How many columns name the row: those before its first number."""
    return next((place for place, column in enumerate(table.columns) if column.is_number), 1)


def _against(kpi: Kpi) -> Iterable[tuple[str, str]]:
    return [(change.against, f"{change.text} {change.word}".strip()) for change in kpi.changes] or [("", "")]


def _change(change: Any) -> str:
    return f"{change.text} {change.word}".strip() + f" vs {change.against}"


def _printed(table: Table, caption: str) -> dict[str, Any]:
    return {
        "caption": caption,
        "columns": [
            {"label": column.label, "number": column.is_number, "share": _share(table, number)}
            for number, column in enumerate(table.columns)
        ],
        "body": [[cell.text for cell in row] for row in table.body],
        "total": [cell.text for cell in table.total],
        "empty": table.empty,
    }


def _share(table: Table, number: int) -> int:
    """How wide a column of text is against the others: as its longest cell, but for sentences, and its margins."""
    longest = max((len(row[number].text) for row in table.body), default=0)
    return MARGINS + max(len(table.columns[number].label), min(longest, SENTENCE))


def _drawing(chart: str) -> dict[str, Any] | None:
    """The wide drawing, in the colours of the light page, with its summary and legend."""
    found = re.search(r'<svg[^>]*id="[a-z]+-wide".*?</svg>', chart, re.DOTALL)
    if found is None:
        return None
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", _light()))
    svg = re.sub(r"var\(--([\w-]+)\)", lambda name: colours[name[1]], found[0])
    summary = re.search(r'aria-label="([^"]*)"', svg)
    legend = re.findall(r'<span class="swatch ([\w-]+)"></span>(.*?)</li>', chart)
    return {
        "svg": svg.replace("<text", '<text font-family="Libertinus Serif"'),
        "alt": unescape(summary[1]) if summary else "",
        "legend": [{"colour": colours[key], "name": unescape(name)} for key, name in legend],
    }


def _light() -> str:
    style = (files("assets.reports") / "templates" / "weekly.css").read_text(encoding="utf-8")
    return style[: style.index("@media")]


def _sources(page: Mapping[str, Any]) -> str:
    meta, through = page["meta"], page["data_through"]
    return (
        f"Data through {text.day(through)} {through.year}. Run {meta.run_id}, code {meta.code_version}, "
        f"price book {meta.price_book_version}, data {meta.data_version}. Amounts in USD, weeks in UTC."
    )
