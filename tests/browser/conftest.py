"""A real browser for pages: the Chromium the system has, one start for each question, no network."""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.reports.weekly import ReportMeta, write_weekly_report
from tests.unit.assets.reports.small_marts import WEEK, build_marts

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # nothing but this machine resolves: a page that fetched something would show an error, not somebody's server
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# The page runs no script, so it is asked from outside: the outer page reads the frame, whose own policy stays in force.
PROBE = """<!doctype html><body style="margin:0"><iframe id="frame" style="border:0;width:{width}px;height:2000px"
srcdoc="{page}"></iframe><pre id="answer"></pre><script>
frame.addEventListener("load", () => {{
  const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
  const seen = element => element.getBoundingClientRect().width > 0;
  const answer = {{
    overflow: root.scrollWidth - root.clientWidth,
    paper: view.getComputedStyle(page.body).backgroundColor,
    ink: view.getComputedStyle(page.body).color,
    charts: [...page.querySelectorAll("svg.chart")].filter(seen).map(svg => {{
      const box = svg.getBoundingClientRect(), marks = [...svg.querySelectorAll("path, rect, line")];
      return {{
        id: svg.id, width: box.width, height: box.height,
        marks: marks.filter(seen).length,
        text: Math.min(...[...svg.querySelectorAll("text")].filter(seen).map(t => t.getBoundingClientRect().height)),
        outside: [...svg.querySelectorAll("text")].filter(seen).filter(t => {{
          const r = t.getBoundingClientRect(); return r.left < box.left - 2 || r.right > box.right + 2; }}).length,
        fill: view.getComputedStyle(marks.filter(seen).at(-1)).fill,
      }};
    }}),
    kpis: [...page.querySelectorAll(".kpi .value")].map(e => e.textContent.trim()),
    clipped: [...page.querySelectorAll(".kpi dd, .kpi dt, .status li > *")]
      .filter(e => e.scrollWidth > e.clientWidth + 1 && view.getComputedStyle(e).display !== "inline").length,
    scripts: page.scripts.length,
    fetched: view.performance.getEntriesByType("resource").map(e => e.name),
    statusTop: page.querySelector("#status").getBoundingClientRect().top,
    chartTop: Math.min(...[...page.querySelectorAll("svg.chart")].filter(seen).map(e => e.getBoundingClientRect().top)),
  }};
  document.getElementById("answer").textContent = JSON.stringify(answer);
}});
</script></body>"""

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; where there is none, CI fails and everyone else reads how to get it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found:
        return found
    message = "no Chromium on this machine: apt-get update && apt-get install -y chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    meta = ReportMeta("run-1", "1.2.3", "prices-7", "version-9")
    return write_weekly_report(build_marts(folder / "marts.duckdb"), folder, WEEK, meta).path


@pytest.fixture
def ask(chromium: str, tmp_path: Path) -> Ask:
    """Opens a page in a frame of the given width and gives what the browser made of it."""

    def run(path: Path, width: int, *flags: str) -> dict[str, Any]:
        probe = tmp_path / "probe.html"
        probe.write_text(
            PROBE.format(width=width, page=html.escape(path.read_text(encoding="utf-8"))), encoding="utf-8"
        )
        size = f"--window-size={max(width, 600)},2000"
        command = [
            chromium,
            *FLAGS,
            *flags,
            size,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            probe.as_uri(),
        ]
        dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        answer = re.search(r'<pre id="answer">(.*?)</pre>', dom, re.DOTALL)
        assert answer, "the browser gave no answer"
        parsed: dict[str, Any] = json.loads(html.unescape(answer.group(1)))
        return parsed

    return run
