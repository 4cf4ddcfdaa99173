"""The weekly report as a browser shows it: charts have width, nothing overflows, nothing is fetched, dark is dark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ask = Callable[..., dict[str, Any]]
NAMES = ("task", "change", "models", "cache", "revenue", "forecast", "gpu", "selfhost", "capacity", "tco")
# Chromium's number for a reader who prefers dark.
DARK = "--blink-settings=preferredColorScheme=0"


def lightness(colour: str) -> float:
    return sum(float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3


@pytest.mark.parametrize(("width", "kind"), [(1280, "wide"), (820, "wide"), (390, "narrow")])
def test_every_chart_has_width_marks_and_readable_text(ask: Ask, report: Path, width: int, kind: str) -> None:
    charts = {chart["id"]: chart for chart in ask(report, width)["charts"]}
    assert sorted(charts) == sorted(f"{name}-{kind}" for name in NAMES)
    for name, chart in charts.items():
        assert chart["width"] > 300, name
        assert chart["height"] > 60, name
        assert chart["marks"] >= 5, name
        assert chart["text"] >= 8, name
        assert chart["outside"] == 0, name


@pytest.mark.parametrize("width", [1280, 820, 390, 320])
def test_the_page_never_scrolls_sideways(ask: Ask, report: Path, width: int) -> None:
    answer = ask(report, width)
    assert answer["overflow"] == 0
    assert answer["clipped"] == 0


def test_nothing_runs_and_nothing_is_fetched(ask: Ask, report: Path) -> None:
    answer = ask(report, 1280)
    assert answer["scripts"] == 0
    assert answer["fetched"] == []


def test_figures_and_status_come_before_the_first_chart(ask: Ask, report: Path) -> None:
    answer = ask(report, 1280)
    assert answer["kpis"][0] == "$322.18"
    assert len(answer["kpis"]) == 8
    assert answer["statusTop"] < answer["chartTop"]


def test_dark_readers_get_a_dark_page_and_charts_that_show_on_it(ask: Ask, report: Path) -> None:
    light, dark = ask(report, 1280), ask(report, 1280, DARK)
    assert lightness(light["paper"]) > 200 > 100 > lightness(light["ink"])
    assert lightness(dark["paper"]) < 60 < 180 < lightness(dark["ink"])
    for bright, dim in zip(light["charts"], dark["charts"], strict=True):
        assert bright["fill"] != dim["fill"]
