"""What every feed brings along: a page that says how to export, files of its real format, and words for bad ones."""

from pathlib import Path

import pytest

from sources.feed import FeedTable
from sources.registry import FEEDS
from tests.unit.sources.landed import PAYLOADS, ROOT, LandedHome

PAGES = {path.name: path.read_text() for path in (ROOT / "docs" / "how-to" / "feeds").glob("*.md")}
# Comments of a whole file, or counters nobody reads, are set aside in these payloads.
WITH_REJECTS = {"dcgm.samples": 3, "vllm.samples": 1}
BAD = {"empty": b"", "garbage": b"\xff\xfe no rows of any kind\n\x01{[", "other": b'{"some": {"other": "thing"}}\n'}


@pytest.fixture(params=FEEDS, ids=lambda table: table.name)
def table(request: pytest.FixtureRequest) -> FeedTable:
    found: FeedTable = request.param
    return found


def payload(table: FeedTable) -> list[Path]:
    return sorted(path for path in (PAYLOADS / table.feed / table.table).rglob("*") if path.is_file())


def test_a_page_says_where_its_files_go_and_how_to_get_them(table: FeedTable) -> None:
    named = [text for text in PAGES.values() if f"{table.feed}/{table.table}" in text]
    assert named
    assert any("```" in text or "\n## Export\n" in text for text in named)


def test_its_payload_is_kept_and_files_without_a_row_fail_each_with_a_reason(
    home: LandedHome, table: FeedTable
) -> None:
    files = payload(table)
    assert files
    for file in files:
        home.land(str(file.relative_to(PAYLOADS)), file.read_bytes())
    folder = files[0].relative_to(PAYLOADS).parent
    suffix = next(suffix for suffix in table.suffixes if files[0].name.endswith(suffix))
    bad = [
        home.land(f"{folder}/{name}__at-20260810T100000Z__retrieved-20260904T060000Z{suffix}", content)
        for name, content in BAD.items()
    ]
    summary = home.ingest()
    assert summary.rows_kept > 0
    assert len(home.rejects()) - len(bad) == WITH_REJECTS.get(table.name, 0)
    failed = {row.file_name: row.reason for row in home.ledger() if row.status == "failed"}
    assert failed.keys() == {path.name for path in bad}
    assert all(failed.values())
