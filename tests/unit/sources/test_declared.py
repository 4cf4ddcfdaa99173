"""Logs and bills that feeds.yml maps: the worked example of the guide, what is refused, and a mapping that changes."""

import json
import re
import textwrap
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.warehouse import read_inputs
from sources.declared.feed import with_mappings
from sources.home import init_home
from sources.meta import show_quarantine
from sources.registry import FEEDS
from sources.settings import SettingsError, compile_settings, load_settings
from sources.user_keys import user_key
from tests.unit.sources.landed import GUIDE, HASH_KEY, MAPPING, PAYLOADS, ROOT, LandedHome

CALLS, BILL, *_ = re.findall(r"\n```\n(.*?)```", GUIDE, re.DOTALL)
CALLS_NAME, BILL_NAME = "calls_2026-08-10.csv", "2026-08__retrieved-20260904T060000Z.csv"
LOG = """feeds:
- name: log
  table: calls
  columns:
    response_id: id
    started_at: {at: time, unit: ns}
    model_id: model
    input_tokens: /usage/in
"""


def take_in(home: LandedHome, mapping: str) -> list[str]:
    """One run with these mappings; gives its warnings."""
    config = init_home(home.root).config
    (config / "feeds.yml").write_text(mapping)
    declared = load_settings(init_home(home.root)).declared_feeds
    return home.ingest(feeds=with_mappings(FEEDS, declared)).warnings


def land_log(home: LandedHome, *rows: dict[str, Any]) -> None:
    home.land("declared/calls/log/a.ndjson", "".join(json.dumps(row) + "\n" for row in rows))


def log_of(**changes: Any) -> dict[str, Any]:
    return {"id": "1", "time": 1786352400000000000, "model": "m", "usage": {"in": 9}} | changes


DOCUMENTED = [
    (page.stem, textwrap.dedent(block))
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    if block.lstrip().startswith("feeds:")
]


@pytest.mark.parametrize(("page", "mapping"), DOCUMENTED, ids=lambda value: value[:10])
def test_every_mapping_in_the_documentation_is_valid(tmp_path: Path, page: str, mapping: str) -> None:
    home = init_home(tmp_path)
    (home.config / "feeds.yml").write_text(mapping)
    assert load_settings(home).declared_feeds, page


def test_the_guide_shows_the_committed_payload() -> None:
    assert (PAYLOADS / "declared" / "calls" / "brook" / CALLS_NAME).read_text() == CALLS
    assert (PAYLOADS / "declared" / "bills" / "brook" / BILL_NAME).read_text() == BILL


def test_the_worked_log_becomes_calls(home: LandedHome) -> None:
    home.land(f"declared/calls/brook/{CALLS_NAME}", CALLS)
    take_in(home, MAPPING)
    first, second, third = home.lake("declared/calls").sort("row_number").to_dicts()
    counts = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens")
    assert [tuple(row[name] for name in counts) for row in (first, second, third)] == [
        (600, 400, 180, 120),
        (500, 0, 80, 0),
        (0, 0, 0, 0),
    ]
    assert (first["started_at"], first["ended_at"]) == (
        datetime(2026, 8, 10, 9),
        datetime(2026, 8, 10, 9, 0, 1, 500000),
    )
    assert (first["gateway_provider"], first["service_tier"], first["status"]) == ("openai", "standard", "success")
    assert (first["reported_cost_usd"], first["user_key"]) == (Decimal("0.002175"), user_key("ana", HASH_KEY))
    assert (first["tag_tenant"], first["tag_feature"], second["tag_feature"]) == ("larch", "answers", None)
    assert (second["gateway_provider"], second["service_tier"]) == ("anthropic", "batch")
    assert [row["billing_status"] for row in (first, second, third)] == ["billed", "billed", "not_billed"]
    assert home.rejects() == []


def test_the_worked_bill_becomes_lines(home: LandedHome) -> None:
    home.land(f"declared/bills/brook/{BILL_NAME}", BILL)
    take_in(home, MAPPING)
    rows = home.lake("declared/bills").sort("row_number").to_dicts()
    assert [(r["meter"], r["quantity"], r["billed_amount"], r["charge_category"], r["line_item"]) for r in rows] == [
        ("input_uncached", 600, Decimal("0.00045"), "usage", "in"),
        ("cache_read", 400, Decimal("0.00003"), "usage", "in_cached"),
        ("output", 300, Decimal("0.00135"), "usage", "out"),
        ("other", None, Decimal("0.015"), "usage", "guardrail"),
        ("other", None, Decimal(29), "fee", "plan"),
        ("other", None, Decimal(-5), "credit", "voucher"),
    ]
    assert {(r["service_provider"], r["billing_account_id"], r["currency"]) for r in rows} == {
        ("brook", "br-100", "EUR")
    }
    assert (rows[0]["charge_start"], rows[0]["charge_end"]) == (datetime(2026, 8, 10), datetime(2026, 8, 11))
    assert (rows[5]["billing_period_start"], rows[5]["billing_period_end"]) == (
        datetime(2026, 8, 1),
        datetime(2026, 9, 1),
    )
    assert {r["is_ai"] for r in rows[:3]} == {True}


@pytest.mark.parametrize("suffix", [".ndjson", ".json", ".parquet"])
def test_every_format_says_the_same(home: LandedHome, suffix: str) -> None:
    rows = [log_of(id=str(number), usage={"in": number}) for number in range(3)]
    if suffix == ".parquet":
        lines = home.land("lines.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        target = home.land(f"declared/calls/log/a{suffix}", b"")
        duckdb.connect().execute(f"copy (from read_json('{lines}')) to '{target}' (format parquet)")
        lines.unlink()
    elif suffix == ".json":
        home.land(f"declared/calls/log/a{suffix}", json.dumps({"page": {"items": rows}}))
    else:
        land_log(home, *rows)
    take_in(home, LOG.replace("  columns:", "  records: /page/items\n  columns:") if suffix == ".json" else LOG)
    lake = home.lake("declared/calls").sort("row_number")
    assert lake["input_tokens"].to_list() == [0, 1, 2]
    assert set(lake["started_at"]) == {datetime(2026, 8, 10, 9)}


@pytest.mark.parametrize("inclusive", ["true", "false"])
def test_every_convention_ends_in_counts_beside_each_other(home: LandedHome, inclusive: str) -> None:
    columns = (
        "cache_read_tokens: read\n    cache_write_1h_tokens: write\n    output_tokens: out\n    reasoning_tokens: why"
    )
    flags = "".join(
        f"  {name}: {inclusive}\n" for name in ("input_has_cache_read", "input_has_cache_write", "output_has_reasoning")
    )
    land_log(home, log_of(usage={"in": 100}, read=30, write=20, out=50, why=40))
    take_in(home, f"{LOG.replace('  columns', flags + '  columns')}    {columns}\n")
    [row] = home.lake("declared/calls").to_dicts()
    inputs, outputs = (50, 10) if inclusive == "true" else (100, 50)
    assert (row["input_tokens"], row["cache_read_tokens"], row["cache_write_1h_tokens"]) == (inputs, 30, 20)
    assert (row["output_tokens"], row["reasoning_tokens"]) == (outputs, 40)


def test_parts_that_exceed_their_whole_are_set_aside_in_the_words_of_the_file(home: LandedHome) -> None:
    mapping = LOG.replace("  columns", "  input_has_cache_read: true\n  columns") + "    cache_read_tokens: read\n"
    land_log(home, log_of(), log_of(id="2", read=10))
    take_in(home, mapping)
    assert home.rejects() == [
        (
            2,
            "input_tokens",
            "is 9, but its parts (input_audio_tokens, input_image_tokens, cache_read_tokens) are 10",
        )
    ]


def test_a_changed_mapping_reads_its_files_again_and_no_others(home: LandedHome) -> None:
    land_log(home, log_of(usage={"in": 9, "out": 5}))
    home.land(f"declared/calls/brook/{CALLS_NAME}", CALLS)
    both = MAPPING + textwrap.indent(LOG.removeprefix("feeds:\n"), "  ")
    take_in(home, both)
    assert home.ingest(feeds=with_mappings(FEEDS, load_settings(init_home(home.root)).declared_feeds)).files_new == 0
    before = home.bytes()
    (init_home(home.root).config / "feeds.yml").write_text(both.replace("/usage/in", "/usage/out"))
    summary = home.ingest(feeds=with_mappings(FEEDS, load_settings(init_home(home.root)).declared_feeds))
    assert (summary.files_new, summary.files_unchanged) == (1, 1)
    changed = {name for name, content in home.bytes().items() if before[name] != content}
    assert len(changed) == 1
    rows = {row["response_id"]: row["input_tokens"] for row in home.lake("declared/calls").to_dicts()}
    assert rows == {"1": 5, "b-1": 600, "b-2": 500, "b-3": 0}


def test_a_changed_mapping_changes_what_the_warehouse_is_built_from(tmp_path: Path) -> None:
    home = init_home(tmp_path)
    (home.config / "feeds.yml").write_text(LOG)
    compile_settings(home, load_settings(home))
    before = read_inputs(home)
    (home.config / "feeds.yml").write_text(LOG.replace("/usage/in", "/usage/out"))
    compile_settings(home, load_settings(home))
    assert read_inputs(home).changes_since(before) == ["config/declared_feeds"]


def test_the_same_bytes_in_two_folders_are_two_logs(home: LandedHome) -> None:
    land_log(home, log_of())
    home.land("declared/calls/other/a.ndjson", json.dumps(log_of()) + "\n")
    take_in(home, LOG + LOG.removeprefix("feeds:\n").replace("name: log", "name: other"))
    assert {row.status for row in home.ledger()} == {"committed"}
    assert home.lake("declared/calls").height == 2


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("declared/calls/nobody/a.ndjson", "the name of the file's folder, nobody; it has log"),
        ("declared/calls/a.ndjson", "none (files go into landing/declared/calls/<name>/)"),
        (
            "declared/bills/log/a__retrieved-20260904T060000Z.ndjson",
            "table bills with the name of the file's folder, log",
        ),
    ],
)
def test_a_file_that_no_mapping_names_fails_and_says_so(home: LandedHome, path: str, named: str) -> None:
    home.land(path, json.dumps(log_of()) + "\n")
    [warning] = take_in(home, LOG)
    assert named in warning
    [failed] = home.ledger()
    assert failed.status == "failed"


def test_a_word_outside_of_its_list_fails_the_file_and_is_named(home: LandedHome) -> None:
    home.land(f"declared/calls/brook/{CALLS_NAME}", CALLS.replace(";night;", ";turbo;"))
    home.land(f"declared/bills/brook/{BILL_NAME}", BILL.replace(",voucher,", ",gift,"))
    take_in(home, MAPPING)
    assert [(row.status, str(row.reason)) for row in home.ledger()] == [
        ("failed", 'kind: found "gift"; expected one of commitment, credit, fee, other, tax, usage'),
        ("failed", 'lane: found "turbo"; expected one of batch, fast, flex, priority, provisioned, standard'),
    ]


def test_a_file_without_a_mapped_column_fails_as_a_whole(home: LandedHome) -> None:
    home.land(f"declared/calls/brook/{CALLS_NAME}", CALLS.replace("prompt_cached", "cached"))
    take_in(home, MAPPING)
    [failed] = home.ledger()
    assert str(failed.reason).startswith("prompt_cached: missing in the header; it has request, time")


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        ("id,time,model,usage,Usage\n1,1,m,5,6\n", "Usage: stands twice in the header"),
        ("id,time,model,in\n1,1,m,5\n".encode("utf-16"), "file: file is UTF-16 or UTF-32 (line 1, byte 0)"),
        ("", "id: missing in the header; it has "),
    ],
)
def test_a_csv_nobody_can_read_says_why(home: LandedHome, csv: str | bytes, reason: str) -> None:
    home.land("declared/calls/log/a.csv", csv)
    take_in(home, LOG)
    [failed] = home.ledger()
    assert (failed.status, str(failed.reason)[: len(reason)]) == ("failed", reason)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"id": None}, "id", "missing; expected a value"),
        ({"time": "2026-08-10"}, "time", 'found "2026-08-10"; expected a time as a number since 1970'),
        ({"time": 1886352400000000000}, "time", "date in the future: 2029-10-10"),
        ({"usage": {"in": "many"}}, "usage.in", 'found "many"; expected a whole number, not negative'),
        ({"usage": {"in": -1}}, "usage.in", 'found "-1"; expected a whole number, not negative'),
    ],
)
def test_a_row_that_does_not_fit_is_named(home: LandedHome, change: dict[str, Any], field: str, reason: str) -> None:
    land_log(home, log_of(), log_of(id="2") | change)
    take_in(home, LOG)
    [(line, at, why)] = home.rejects()
    assert (line, at) == (2, field)
    assert why.startswith(reason)


def test_a_column_may_have_a_slash_in_its_name_and_a_time_its_own_format(home: LandedHome) -> None:
    columns = "response_id: id/no\n    started_at: {at: at, format: '%d.%m.%Y %H:%M'}\n    model_id: m\n    pages: p"
    home.land("declared/calls/log/a.csv", "id/no|at|m|p\n1|10.08.2026 09:30|ocr|4\n")
    take_in(home, f"feeds:\n- name: log\n  table: calls\n  delimiter: '|'\n  columns:\n    {columns}\n")
    [row] = home.lake("declared/calls").to_dicts()
    assert (row["response_id"], row["started_at"], row["pages"]) == ("1", datetime(2026, 8, 10, 9, 30), 4)


def test_a_bad_row_of_a_csv_is_named_by_its_line_in_the_file(home: LandedHome) -> None:
    rows = ['1,"a\nb",1', "", "2,c,1,too many", "3,d,x", "4,e,2", '5,"f\n\ng",y']
    columns = "response_id: id\n    started_at: at\n    model_id: m\n    pages: p"
    rows = [f"2026-08-10 09:30:00,{row}" for row in rows if row] + [""]
    home.land("declared/calls/log/a.csv", "\n".join(["at,id,m,p", rows[0], "", *rows[1:]]))
    take_in(home, f"feeds:\n- name: log\n  table: calls\n  columns:\n    {columns}\n")
    assert [row["response_id"] for row in home.lake("declared/calls").to_dicts()] == ["1", "4"]
    # The header, a row of two lines, an empty line, a row with a cell too many.
    assert [(line, at) for line, at, _ in home.rejects() if at == "p"] == [(6, "p"), (8, "p")]
    # Its text is what the file has on that line.
    shown = {one.reject.line_number: one.text for one in show_quarantine(home.root)}
    assert (shown[6], shown[8]) == ("2026-08-10 09:30:00,3,d,x", '2026-08-10 09:30:00,5,"f')


def test_thousands_of_millions_of_tokens_are_exact(home: LandedHome) -> None:
    bill = BILL.replace(",0.6,0.045", ",123456789.25,-0.000000015")
    home.land(f"declared/bills/brook/{BILL_NAME}", bill)
    take_in(home, MAPPING)
    row = home.lake("declared/bills").sort("row_number").to_dicts()[0]
    assert (row["quantity"], row["billed_amount"]) == (123456789250, Decimal("-0.00000000015"))


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str], list[str]]:
    def write(text: str) -> list[str]:
        home = init_home(tmp_path / "home")
        (home.config / "feeds.yml").write_text(text)
        with pytest.raises(SettingsError) as caught:
            load_settings(home)
        return [str(problem) for problem in caught.value.problems]

    return write


CALL_LIST = "response_id, logical_request_id, trace_id"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "model_id: model",
            "model_id: model\n    modl_id: m",
            [f"feeds.yml, line 8, feeds[0].columns.modl_id: found an unknown column; allowed: {CALL_LIST}"],
        ),
        (
            "    model_id: model\n",
            "",
            [
                "feeds.yml, line 4, feeds[0].columns.model_id: found nothing; allowed: a place for model_id, which "
                "every row must have"
            ],
        ),
        (
            "input_tokens: /usage/in",
            "input_tokens: {at: in, times: 1000}",
            [
                "feeds.yml, line 8, feeds[0].columns.input_tokens.times: found times; allowed: only for a column that "
                "holds amount; input_tokens holds count"
            ],
        ),
        (
            "model_id: model",
            "model_id: {at: model, unit: ms}",
            ["feeds.yml, line 7, feeds[0].columns.model_id.unit: found unit; allowed: only for a column that"],
        ),
        (
            "table: calls",
            "table: call",
            ["feeds.yml, line 3, feeds[0].table: found 'call'; allowed: calls, bills; did you mean 'calls'?"],
        ),
        (
            "unit: ns",
            "unit: min",
            ["feeds.yml, line 6, feeds[0].columns.started_at.unit: found 'min'; allowed: s, ms, us, ns"],
        ),
        (
            "unit: ns",
            "format: '%Q'",
            ["feeds.yml, line 6, feeds[0].columns.started_at.format: found '%Q'; allowed: a format of strptime such"],
        ),
        (
            "model_id: model",
            "model_id: {att: model}",
            ["feeds.yml, line 7, feeds[0].columns.model_id.att: found an unknown name; allowed: after, always, at"],
        ),
        (
            "model_id: model",
            "model_id: {at: model, always: m}",
            ["feeds.yml, line 7, feeds[0].columns.model_id: found both at and always; allowed: a place (at), or one"],
        ),
        (
            "model_id: model",
            "model_id: model\n    service_tier: {at: lane, spellings: {night: bulk}}",
            [
                "feeds.yml, line 8, feeds[0].columns.service_tier.spellings.night: found 'bulk'; allowed: batch, fast, "
                "flex, priority, provisioned, standard"
            ],
        ),
        (
            "model_id: model",
            "model_id: model\n    cache_read_tokens: cached",
            [
                "feeds.yml, line 2, feeds[0].input_has_cache_read: found nothing; allowed: true or false: whether "
                "input_tokens holds cache_read_tokens"
            ],
        ),
        (
            "    input_tokens: /usage/in\n",
            "",
            ["feeds.yml, line 4, feeds[0].columns: found no count; allowed: at least one of input_tokens, cache_read"],
        ),
        (
            "response_id: id",
            "response_id: {always: x}",
            ["feeds.yml, line 5, feeds[0].columns.response_id.always: found always; allowed: a place: rows of one"],
        ),
        (
            "model_id: model",
            "model_id: model\n    ended_at: {at: took, after: started_at}",
            ["feeds.yml, line 8, feeds[0].columns.ended_at.after: found after without unit; allowed: the unit of the"],
        ),
        (
            "feeds:\n",
            LOG,
            ["feeds.yml, line 9, feeds[1].name: found 'log' again; allowed: each name once a table (first on line 2)"],
        ),
    ],
)
def test_a_wrong_mapping_is_named_by_line_and_column(
    problems: Callable[[str], list[str]], old: str, new: str, expected: list[str]
) -> None:
    assert old in LOG
    found = problems(LOG.replace(old, new, 1))
    assert len(found) == len(expected)
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


def test_all_mistakes_of_a_bill_are_named_at_once(problems: Callable[[str], list[str]]) -> None:
    bill = """feeds:
- name: b
  table: bills
  output_has_reasoning: true
  columns:
    service_provider: {always: x}
    charge_start: day
    billing_period_start: from
    meter: counter
    billed_amount: {at: cents, times: "0"}
"""
    assert problems(bill) == [
        "feeds.yml, line 10, feeds[0].columns.billed_amount.times: found '0'; allowed: greater than 0"
    ]
    found = problems(bill.replace('times: "0"', "times: 0.01"))
    assert [problem.partition(":")[0] for problem in found] == [
        f"feeds.yml, line {line}, feeds[0].{field}"
        for line, field in (
            (4, "output_has_reasoning"),
            (5, "columns.billing_account_id"),
            (5, "columns.billing_period_end"),
            (5, "columns.currency"),
            (5, "columns.line_item"),
            (5, "columns.quantity"),
        )
    ]
