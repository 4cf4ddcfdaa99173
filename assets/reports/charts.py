"""The report's charts: Altair specifications rendered to SVG without a browser, once for wide, once for narrow pages.

Colours are the page's CSS variables, so charts follow its light and dark looks. What the charts show is decided in
`weekly`; amounts become floats here, for drawing only.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from html import escape
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from assets.reports import text
from assets.reports.kpis import TrendPoint

INK, MUTED, GRID, ACCENT, BAND, BAR = (f"var(--{name})" for name in ("ink", "muted", "grid", "accent", "band", "bar"))
SHADES = tuple(f"var(--h{n})" for n in range(5))
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class Size:
    """Width in drawing units; `is_narrow` decides what is left out on a phone."""

    name: str
    width: int
    is_narrow: bool


WIDE, NARROW = Size("wide", 920, False), Size("narrow", 380, True)
Draw = Callable[[Size], alt.TopLevelMixin]


def cost_per_resolved_task(points: Sequence[TrendPoint]) -> Markup:
    """Line with its band above, tasks resolved as bars below, on the same weeks."""
    values = [
        {
            "week": text.short_day(point.week),
            "value": None if point.value is None else float(point.value),
            "low": point.low,
            "high": point.high,
            "resolved": point.resolved,
            "label": "" if point.value is None else text.unit_usd(point.value),
            "is_last": index == len(points) - 1,
            "description": _task_description(point),
        }
        for index, point in enumerate(points)
    ]
    known = [point for point in points if point.value is not None]
    summary = "Cost per resolved task by week"
    if known:
        summary += f", from {text.unit_usd(_some(known[0].value))} to {text.unit_usd(_some(known[-1].value))}"
    return _figure("task", summary, partial(_task_chart, values))


def _task_description(point: TrendPoint) -> str:
    cost = "no task resolved" if point.value is None else f"{text.unit_usd(point.value)} per resolved task"
    band = "" if point.low is None or point.high is None else f" (${point.low:.4f} to ${point.high:.4f})"
    return f"Week of {text.short_day(point.week)}: {cost}{band}, {point.resolved:,} resolved"


def _task_chart(values: list[dict[str, Any]], size: Size) -> alt.TopLevelMixin:
    axis_room = 62
    x = _week_axis(values, size, labels=False)
    base = alt.Chart(alt.InlineData(values=values)).encode(x=x)
    axis, scale = _axis(format=_money_format(values), room=axis_room, tickCount=5), alt.Scale(zero=False)
    money = alt.Y("value:Q", title=None, axis=axis, scale=scale)
    band = base.mark_area(color=BAND, opacity=1).encode(
        y=alt.Y("low:Q", title=None, axis=axis, scale=scale),
        y2="high:Q",
    )
    line = base.mark_line(color=ACCENT, strokeWidth=2.5).encode(y=money)
    points = base.mark_point(color=ACCENT, fill=ACCENT, opacity=1).encode(
        y=money,
        size=alt.condition("datum.is_last", alt.value(90), alt.value(26)),
        description="description:N",
    )
    last = (
        base.transform_filter("datum.is_last && datum.value !== null")
        .mark_text(dy=-14, dx=-6, align="right", fontSize=13, fontWeight="bold", color=INK)
        .encode(y=money, text="label:N")
    )
    upper = alt.layer(band, line, points, last).properties(width=size.width - axis_room, height=210)
    lower = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(color=BAR)
        .encode(
            x=_week_axis(values, size),
            y=alt.Y("resolved:Q", title=None, axis=_axis(format="~s", room=axis_room, tickCount=2)),
            color=alt.condition("datum.is_last", alt.value(ACCENT), alt.value(BAR)),
            description="description:N",
        )
        .properties(width=size.width - axis_room, height=56)
    )
    return alt.vconcat(upper, lower, spacing=10)


def _money_format(values: Sequence[Mapping[str, Any]]) -> str:
    """As many decimals on the axis as its steps need."""
    drawn = [value[key] for value in values for key in ("value", "low", "high") if value[key] is not None]
    spread = max(drawn) - min(drawn) if drawn else 1.0
    places = next((n for n in range(2, 7) if spread >= 4 * 10.0**-n), 6)
    return f"$,.{places}f"


def cost_by_model(weeks: Sequence[date], costs: Mapping[str, Mapping[date, Decimal]]) -> Markup:
    """Stacked cost by week; `costs` by series name in the order of the legend, the fold of the small ones last."""
    names = list(costs)
    keys = ["s-other" if name.startswith("other") else f"s{index + 1}" for index, name in enumerate(names)]
    colours = [f"var(--{key})" for key in keys]
    values = [
        {
            "week": text.short_day(week),
            "series": name,
            "order": index,
            "cost": float(costs[name].get(week, 0)),
            "description": f"Week of {text.short_day(week)}, {name}: {text.usd(costs[name].get(week, Decimal(0)))}",
        }
        for index, name in enumerate(names)
        for week in weeks
    ]
    summary = f"Cost by week, stacked by {text.listed(names, 10)}"
    # a legend of the page, not of the drawing: it wraps, and it needs no guess at the reader's font
    items = Markup("").join(
        Markup('<li><span class="swatch {}"></span>{}</li>').format(key, name)
        for key, name in zip(keys, names, strict=True)
    )
    legend = Markup('<ul class="legend">{}</ul>').format(items)
    return legend + _figure("models", summary, partial(_stack_chart, values, names, colours))


def _stack_chart(values: list[dict[str, Any]], names: list[str], colours: list[str], size: Size) -> alt.TopLevelMixin:
    room = 62
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(stroke="var(--paper)", strokeWidth=0.75)
        .encode(
            x=_week_axis(values, size),
            y=alt.Y("cost:Q", title=None, axis=_axis(format="$~s", room=room, tickCount=5)),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=names, range=colours),
                legend=None,
            ),
            order=alt.Order("order:Q", sort="ascending"),
            description="description:N",
        )
        .properties(width=size.width - room, height=230)
    )
    return chart


@dataclass(frozen=True)
class MonthBar:
    """What a month cost, or will; the ends of what is to be expected where they are known."""

    month: date
    amount: Decimal
    low: Decimal | None
    high: Decimal | None
    is_forecast: bool


def cost_by_month(months: Sequence[MonthBar]) -> Markup:
    """Months that are over as bars, those ahead as pale ones with a line from low to high."""
    values = [
        {
            "week": f"{bar.month:%b %y}",
            "amount": float(bar.amount),
            "low": None if bar.low is None else float(bar.low),
            "high": None if bar.high is None else float(bar.high),
            "ahead": bar.is_forecast,
            "description": _month_description(bar),
        }
        for bar in months
    ]
    first, last = months[0].month, months[-1].month
    return _figure("forecast", f"Cost by month, {first:%B %Y} to {last:%B %Y}", partial(_month_chart, values))


def _month_description(bar: MonthBar) -> str:
    if not bar.is_forecast:
        return f"{text.month(bar.month)}: {text.usd(bar.amount)}"
    span = "" if bar.low is None or bar.high is None else f" ({text.usd(bar.low)} to {text.usd(bar.high)})"
    return f"{text.month(bar.month)}, an estimate: {text.usd(bar.amount)}{span}"


def _month_chart(values: list[dict[str, Any]], size: Size) -> alt.TopLevelMixin:
    room = 62
    axis = _axis(format="$~s", room=room, tickCount=5)
    base = alt.Chart(alt.InlineData(values=values)).encode(x=_week_axis(values, size))
    bars = base.mark_bar().encode(
        y=alt.Y("amount:Q", title=None, axis=axis),
        color=alt.condition("datum.ahead", alt.value(BAR), alt.value(ACCENT)),
        description="description:N",
    )
    spans = (
        base.transform_filter("datum.high !== null")
        .mark_rule(color=INK, strokeWidth=1.5)
        .encode(y=alt.Y("low:Q", title=None, axis=axis), y2="high:Q", description="description:N")
    )
    return alt.layer(bars, spans).properties(width=size.width - room, height=190)


@dataclass(frozen=True)
class BandBar:
    """One tenant's cost per revenue dollar."""

    name: str
    value: Decimal
    band: str


def cost_per_revenue_dollar(bars: Sequence[BandBar]) -> Markup:
    """Bars against the limits of the bands; a bar far beyond the last limit is cut, its figure is not."""
    edge = min(max([float(bar.value) for bar in bars] + [0.36]), 0.75)
    values = [
        {
            "position": index,
            "short": _shortened(bar.name, 26),
            "shortest": _shortened(bar.name, 15),
            "drawn": max(0.0, min(float(bar.value), edge)),
            "label": f"{text.unit_usd(bar.value)} {bar.band}" + (" (bar cut)" if float(bar.value) > edge else ""),
            "band": bar.band,
            "description": f"{bar.name}: {text.unit_usd(bar.value)} of inference per revenue dollar, {bar.band}",
        }
        for index, bar in enumerate(bars)
    ]
    summary = "Cost per revenue dollar by tenant, against the limits 0.15 and 0.30"
    return _figure("revenue", summary, partial(_band_chart, values, edge))


def _band_chart(values: list[dict[str, Any]], edge: float, size: Size) -> alt.TopLevelMixin:
    room = 110 if size.is_narrow else 190
    scale = alt.Scale(domain=[0, edge * (1.55 if size.is_narrow else 1.2)], nice=False)
    base = alt.Chart(alt.InlineData(values=values)).encode(y=_name_axis(values, size, room))
    x = alt.X("drawn:Q", title=None, scale=scale, axis=_axis(format="$.2f", values=[0, 0.15, 0.30, 0.45, 0.6, 0.75]))
    bars = base.mark_bar(height=14, cornerRadiusEnd=2).encode(
        x=x,
        color=alt.Color(
            "band:N",
            legend=None,
            scale=alt.Scale(domain=["healthy", "watch", "risk"], range=["var(--good)", "var(--watch)", "var(--risk)"]),
        ),
        description="description:N",
    )
    labels = base.mark_text(align="left", dx=6, color=INK).encode(x=x, text="label:N")
    # the page's own colour behind a label keeps the limits from running through it
    halo = base.mark_text(align="left", dx=6, stroke="var(--paper)", strokeWidth=5).encode(x=x, text="label:N")
    limits = (
        alt.Chart(alt.InlineData(values=[{"limit": 0.15}, {"limit": 0.30}]))
        .mark_rule(color=MUTED, strokeDash=[4, 3])
        .encode(x=alt.X("limit:Q", scale=scale))
    )
    return alt.layer(limits, bars, halo, labels).properties(width=size.width - room, height=26 * len(values))


@dataclass(frozen=True)
class Bar:
    """One bar of a bar chart; `label` is written behind it. An accented one is the company's own."""

    name: str
    value: Decimal
    label: str
    is_accented: bool
    description: str


def bars(name: str, summary: str, rows: Sequence[Bar]) -> Markup:
    """Bars from zero, one below the other in the order given."""
    values = [
        {
            "position": index,
            "short": _shortened(bar.name, 30),
            "shortest": _shortened(bar.name, 22),
            "value": float(bar.value),
            "label": bar.label,
            "accented": bar.is_accented,
            "description": bar.description,
        }
        for index, bar in enumerate(rows)
    ]
    return _figure(name, summary, partial(_bar_chart, values))


def _bar_chart(values: list[dict[str, Any]], size: Size) -> alt.TopLevelMixin:
    room = 150 if size.is_narrow else 220
    # what is written behind the longest bar needs its place as well
    top = max([value["value"] for value in values] + [0.0]) * (1.6 if size.is_narrow else 1.25) or 1.0
    x = alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, top], nice=False), axis=None)
    base = alt.Chart(alt.InlineData(values=values)).encode(x=x, y=_name_axis(values, size, room))
    drawn = base.mark_bar(height=18, cornerRadiusEnd=2).encode(
        color=alt.condition("datum.accented", alt.value(ACCENT), alt.value(BAR)), description="description:N"
    )
    labels = base.mark_text(align="left", dx=6, color=INK).encode(text="label:N")
    return alt.layer(drawn, labels).properties(width=size.width - room, height=34 * len(values))


def _name_axis(values: Sequence[Mapping[str, Any]], size: Size, room: int) -> alt.Y:
    """Two rows may share a shortened name, so they are told apart by position and named by the axis."""
    names = [value["shortest" if size.is_narrow else "short"] for value in values]
    label = f"{json.dumps(names)}[datum.value]"
    axis = _axis(room=room, grid=False, domain=False, labelColor=INK, labelExpr=label)
    return alt.Y("position:O", title=None, axis=axis)


@dataclass(frozen=True)
class Step:
    """One step of a waterfall: what it adds, or takes where it is below zero."""

    name: str
    amount: Decimal
    label: str
    description: str


def waterfall(name: str, summary: str, before: Decimal, after: Decimal, steps: Sequence[Step]) -> Markup:
    """From one amount to another in steps, one below the other; the steps must add up to the difference."""
    if before + sum((step.amount for step in steps), Decimal(0)) != after:
        raise ValueError(f"chart {name}: the steps do not lead from {before} to {after}")
    reached = before
    spans = [("Week before", Decimal(0), before, text.usd(before), f"Week before: {text.usd(before)}", "whole")]
    for step in steps:
        kind = "up" if step.amount > 0 else "down"
        spans.append((step.name, reached, reached + step.amount, step.label, step.description, kind))
        reached += step.amount
    spans.append(("This week", Decimal(0), after, text.usd(after), f"This week: {text.usd(after)}", "whole"))
    values = [
        {
            "position": index,
            "short": label,
            "shortest": label,
            "start": float(start),
            "end": float(end),
            "right": float(max(start, end)),
            "label": amount,
            "description": description,
            "kind": kind,
        }
        for index, (label, start, end, amount, description, kind) in enumerate(spans)
    ]
    return _figure(name, summary, partial(_waterfall_chart, values))


def _waterfall_chart(values: list[dict[str, Any]], size: Size) -> alt.TopLevelMixin:
    room = 110 if size.is_narrow else 150
    reached = [value["end"] for value in values]
    spread = max(reached) - min(reached) or 1.0
    # steps are small against the whole: the two whole bars are cut off, which the caption must say
    low, top = min(reached) - 0.2 * spread, max(reached) + (0.9 if size.is_narrow else 0.4) * spread
    scale = alt.Scale(domain=[low, top], nice=False, clamp=True)
    base = alt.Chart(alt.InlineData(values=values)).encode(y=_name_axis(values, size, room))
    drawn = base.mark_bar(height=18).encode(
        x=alt.X("start:Q", title=None, scale=scale, axis=None),
        x2="end:Q",
        color=alt.Color(
            "kind:N",
            legend=None,
            scale=alt.Scale(domain=["whole", "up", "down"], range=[ACCENT, "var(--risk)", "var(--good)"]),
        ),
        description="description:N",
    )
    labels = base.mark_text(align="left", dx=6, color=INK).encode(
        x=alt.X("right:Q", title=None, scale=scale, axis=None), text="label:N"
    )
    return alt.layer(drawn, labels).properties(width=size.width - room, height=30 * len(values))


@dataclass(frozen=True)
class HeatCell:
    """One cell of a heat map; `share` None is drawn empty."""

    row: str
    column: str
    share: Decimal | None
    description: str


def heat_map(name: str, summary: str, cells: Sequence[HeatCell], limits: Sequence[float], write: bool = True) -> Markup:
    """Shares by row and column in five steps split at `limits`, the share written in each cell where there is room."""
    values = [
        {
            "row": cell.row,
            "column": cell.column,
            "share": None if cell.share is None else float(cell.share),
            "label": text.NONE if cell.share is None else f"{cell.share * 100:.0f}",
            "description": cell.description,
        }
        for cell in cells
    ]
    return _figure(name, summary, partial(_heat_chart, values, list(limits), write))


def _heat_chart(values: list[dict[str, Any]], limits: list[float], write: bool, size: Size) -> alt.TopLevelMixin:
    room = 86 if size.is_narrow else 150
    rows, columns = (list(dict.fromkeys(value[key] for value in values)) for key in ("row", "column"))
    letters = 12 if size.is_narrow else 21
    kept = columns[::-1][:: -(-len(columns) // (5 if size.is_narrow else 24))][::-1]
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X(
            "column:N",
            sort=columns,
            title=None,
            axis=_axis(orient="top", grid=False, domain=False, values=kept, labelAngle=0, labelOverlap=False),
        ),
        y=alt.Y(
            "row:N",
            sort=rows,
            title=None,
            axis=_axis(
                room=room,
                grid=False,
                domain=False,
                labelColor=INK,
                labelExpr=f"length(datum.label) > {letters} ? slice(datum.label, 0, {letters - 1}) + '…' : datum.label",
            ),
        ),
    )
    cells = base.mark_rect(stroke="var(--paper)", strokeWidth=1.5).encode(
        color=alt.Color("share:Q", legend=None, scale=alt.Scale(type="threshold", domain=limits, range=list(SHADES))),
        description="description:N",
    )
    layers: list[alt.Chart] = [cells]
    if write and not size.is_narrow:
        layers.append(
            base.mark_text(fontSize=11).encode(
                text="label:N",
                color=alt.condition(f"datum.share >= {limits[3]}", alt.value("var(--on-dark)"), alt.value(INK)),
            )
        )
    return alt.layer(*layers).properties(width=size.width - room, height=28 * len(rows))


def sparkline(values: Sequence[Decimal | None], summary: str) -> Markup:
    """A small line of one row's past weeks; its scale is its own, from zero."""
    width, height = 104, 24
    top = max([float(value) for value in values if value is not None] + [0.0]) or 1.0
    step = (width - 6) / max(1, len(values) - 1)
    points = [
        (3 + index * step, height - 3 - (height - 6) * float(value) / top)
        for index, value in enumerate(values)
        if value is not None
    ]
    if not points:
        return Markup("")
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(summary)}"><polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/></svg>'
    )


def _week_axis(values: Sequence[Mapping[str, Any]], size: Size, labels: bool = True) -> alt.X:
    """Weeks side by side in their order; a phone has room for every third label, counted back from the last week."""
    order = list(dict.fromkeys(value["week"] for value in values))
    kept = order[::-1][:: 4 if size.is_narrow else 1][::-1]
    axis = _axis(grid=False, labels=labels, values=kept, labelAngle=0, ticks=labels, labelOverlap=False)
    return alt.X("week:O", sort=order, title=None, axis=axis, scale=alt.Scale(paddingInner=0.28, paddingOuter=0.14))


def _axis(room: int | None = None, **options: Any) -> alt.Axis:
    """An axis whose labels take exactly `room`, so that panels above each other share their weeks."""
    if room is not None:
        options |= {"minExtent": room, "maxExtent": room}
    return alt.Axis(**({"ticks": False} | options))


def _figure(name: str, summary: str, draw: Draw) -> Markup:
    return Markup("").join(_svg(f"{name}-{size.name}", summary, draw(size), size) for size in (WIDE, NARROW))


def _svg(name: str, summary: str, chart: alt.TopLevelMixin, size: Size) -> Markup:
    """The drawing as inline SVG: ids made unique to the page, marks with a tooltip in place of their ARIA noise."""
    spec = chart.to_dict() | {"background": "transparent", "padding": 2, "config": _config()}
    svg = vl_convert.vegalite_to_svg(spec)
    # ids count on through a process and start over in the next: numbered anew, they are the same in every run
    for number, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))):
        svg = svg.replace(f'id="{old}"', f'id="{name}-{number}"').replace(f"url(#{old})", f"url(#{name}-{number})")
    svg = re.sub(
        r'<(path|rect)\b([^>]*?) aria-label="([^"]*)" role="graphics-symbol"([^>]*?)/>',
        r"<\1\2\4><title>\3</title></\1>",
        svg,
    )
    svg = re.sub(r' (?:aria-[a-z]+|role|class|pointer-events|font-family)="[^"]*"', "", svg)
    box = re.search(r'viewBox="([^"]+)"', svg)
    if box is None:
        raise ValueError(f"chart {name}: vl-convert gave no viewBox")
    body = svg[svg.index(">") + 1 :]
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" class="chart {size.name}" viewBox="{box.group(1)}" '
        f'role="img" aria-label="{escape(summary)}">'
    )
    return Markup(opening + body)


def _config() -> dict[str, Any]:
    return {
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": MUTED,
            "gridColor": GRID,
            "domainColor": GRID,
            "tickColor": GRID,
            "labelFontSize": 11,
            "labelPadding": 6,
        },
        "text": {"fontSize": 12},
    }


def _shortened(name: str, length: int) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _some(value: Decimal | None) -> Decimal:
    return value if value is not None else Decimal(0)
