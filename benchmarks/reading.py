"""How long a reader waits: queries of the cookbook on marts with years behind them, and the explorer's page."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
COOKBOOK = ROOT / "docs" / "how-to" / "sql-cookbook.md"
# Of the cookbook, and the mart each reads.
QUESTIONS = {
    "What did each model cost this week?": "cost_per_model_weekly",
    "What did each tenant cost on each model in the last twelve weeks?": "unit_economics_weekly",
}
HISTORY_CALLS = 100_000_000
_ASKED = 5


def query_seconds(published: Path, folder: Path) -> dict[str, float]:
    """The fastest answer to each question, each time on a database opened for it, with HISTORY_CALLS in its mart."""
    grown = folder / "grown.duckdb"
    grown.unlink(missing_ok=True)
    with duckdb.connect(str(grown)) as connection:
        connection.execute(f"attach '{published.resolve()}' as published (read_only)")
        for mart in QUESTIONS.values():
            connection.execute(_grown(connection, mart))
    found = {question: min(_seconds(grown, sql) for _ in range(_ASKED)) for question, sql in _questions().items()}
    grown.unlink()
    return found


def seconds_over_history(published: Path) -> dict[str, float]:
    """The fastest answer to what each tenant cost on each model in twelve weeks, by the mart or fact it is asked of.

    RuntimeError when the answers are not the same.
    """
    *_, (question, mart) = QUESTIONS.items()
    asked = {name: _questions()[question].replace(mart, name) for name in (mart, "fct_usage")}
    with duckdb.connect(str(published), read_only=True) as connection:
        found = [sorted(connection.execute(sql).fetchall()) for sql in asked.values()]
    if found[0] != found[1]:
        raise RuntimeError(f"{' and '.join(asked)} do not answer alike: {question}")
    return {name: min(_seconds(published, sql) for _ in range(_ASKED)) for name, sql in asked.items()}


def _grown(connection: duckdb.DuckDBPyConnection, mart: str) -> str:
    """The mart repeated, a span of weeks earlier each time, until it counts HISTORY_CALLS."""
    weeks, calls = connection.execute(
        f"select (max(week_start) - min(week_start)) // 7 + 1, sum(calls) from published.{mart}"
    ).fetchall()[0]
    copies = -(-HISTORY_CALLS // int(calls))
    return f"""
        create table {mart} as
        select mart.* replace (cast(mart.week_start - cast(copy * {7 * weeks} as integer) as date) as week_start)
        from published.{mart} as mart
        cross join range({copies}) as copies (copy)
        order by copy desc
    """


def _questions() -> dict[str, str]:
    text = COOKBOOK.read_text(encoding="utf-8")
    found = dict(re.findall(r"^## ([^\n]+)\n\n```sql\n(.+?)```", text, re.MULTILINE | re.DOTALL))
    return {question: found[question] for question in QUESTIONS}


def _seconds(database: Path, sql: str) -> float:
    with duckdb.connect(str(database), read_only=True) as connection:
        start = time.perf_counter()
        if not connection.execute(sql).fetchall():
            raise RuntimeError(f"no row answers {sql}")
        return time.perf_counter() - start


def page_seconds(page: Path, folder: Path) -> float:
    """From the page's first byte until its charts are drawn, by the page's own clock: the fastest of some openings."""
    from tests.browser.conftest import FLAGS
    from tests.browser.devtools import browser

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise RuntimeError("no Chromium on this machine: apt-get install chromium")
    with browser(chromium, FLAGS, folder / "profile") as opened:
        return min(_opened(lambda: opened.open(page.as_uri()), opened.ask) for _ in range(_ASKED))


def _opened(load: Callable[[], None], ask: Callable[[str], float]) -> float:
    load()
    return ask("performance.now()") / 1000
