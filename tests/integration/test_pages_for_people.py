"""Every command and query of the pages for accountants, analysts, product managers and on-call, run as they stand."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from assets.marts import open_marts
from docs import generate
from pipelines.cli import cli
from sources.clock import NOW_VARIABLE
from sources.home import Home
from tests.conftest import Company
from tests.faults.conftest import NOW, copy_of

PAGES = sorted((generate.ROOT / "docs" / "how-to").glob("for-*.md"))
BLOCKS = re.compile(r"```(bash|sql)\n(.*?)```", re.DOTALL)
DEMO = ".demo/home"


@pytest.fixture(scope="module")
def home(company_of: Callable[[int], Company], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A copy of a company that was run: what the demo is on the pages. The pages' commands leave it as it was."""
    parts = ["config", "landing", "prices", "lake", "warehouse", "published", "reports"]
    return copy_of(company_of(7).home, tmp_path_factory.mktemp("people") / "home", parts)


def steps(page: Path) -> list[tuple[str, str]]:
    """Each command and query of a page, in order, with what it is."""
    found: list[tuple[str, str]] = []
    for language, text in BLOCKS.findall(page.read_text()):
        found += [(language, line) for line in text.strip().splitlines()] if language == "bash" else [(language, text)]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_to_type_works(page: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOW_VARIABLE, NOW)
    todo = steps(page)
    assert len(todo) > 3
    for language, text in todo:
        if language == "sql":
            with open_marts(home.published / "marts.duckdb") as marts:
                assert marts.execute(text).fetchone() is not None, text
            continue
        program, *arguments = shlex.split(text.replace(DEMO, str(home.root)))
        assert program == ".venv/bin/inferledger", text
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, f"{text}\n{result.output}"
        assert result.output.strip(), text


def test_there_is_a_page_for_each() -> None:
    assert [page.stem for page in PAGES] == ["for-accountants", "for-analysts", "for-on-call", "for-product-managers"]
