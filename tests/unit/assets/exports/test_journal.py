"""Each journal file, read back with an independent reader: balanced, with its columns and lines, and harmless."""

import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from assets.exports import EXPORTS, ExportError, write_export
from assets.exports.journal import mapping
from tests.unit.assets.reports.small_marts import EVIL_NAME

Build = Callable[..., Path]
FIELDS = {
    # dialect: journal, debit, credit (or one signed amount), date
    "neutral": ("journal_id", "debit", "credit", "posting_date"),
    "quickbooks": ("Journal No", "Debits", "Credits", "Journal Date"),
    "xero": ("*Narration", "*Amount", "*Amount", "*Date"),
    "netsuite": ("External ID", "Journal Entry - Line: Debit", "Journal Entry - Line: Credit", "Date"),
    "oracle": (
        "REFERENCE4 (Journal Entry Name)",
        "Entered Debit Amount",
        "Entered Credit Amount",
        "Effective Date of Transaction",
    ),
}
LAST_DAY = {"quickbooks": "10/31/2026", "xero": "31/10/2026", "oracle": "2026/10/31"}
RUNS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def read(paths: list[Path], dialect: str) -> list[dict[str, str]]:
    """By polars, everything as text."""
    columns = list(mapping(dialect).columns)
    has_header = dialect != "oracle"
    frames = [pl.read_csv(path, infer_schema=False, has_header=has_header).fill_null("") for path in paths]
    for frame in frames:
        assert len(frame.columns) == len(columns)
        assert not has_header or frame.columns == columns
    return [row for frame in frames for row in frame.rename(dict(zip(frame.columns, columns, strict=True))).to_dicts()]


def published(marts: Path, period: str = "2026-10") -> list[dict[str, Any]]:
    sql = f"select * from journal_lines where posting_period = '{period}' order by journal_id, line_no"
    with duckdb.connect(str(marts), read_only=True) as connection:
        lines: list[dict[str, Any]] = connection.sql(sql).pl().to_dicts()
    return lines


def side(text: str) -> Decimal:
    return Decimal(text) if text else Decimal(0)


def amount(line: dict[str, str], dialect: str) -> Decimal:
    _, debit, credit, _ = FIELDS[dialect]
    return side(line[debit]) - (side(line[credit]) if debit != credit else 0)


def test_every_dialect_is_read_back_here() -> None:
    assert set(FIELDS) == set(EXPORTS["journal"].dialects)


@pytest.mark.parametrize("dialect", FIELDS)
@pytest.mark.parametrize("period", ["2026-10", "2026-11", "2026-12"])
def test_journals_balance_and_hold_every_line(marts: Path, tmp_path: Path, dialect: str, period: str) -> None:
    *paths, manifest = write_export("journal", marts, tmp_path, period, dialect)
    lines, expected = read(paths, dialect), published(marts, period)
    assert len(lines) == len(expected) == json.loads(manifest.read_text())["rows"]
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line, row in zip(lines, expected, strict=True):
        totals[line[FIELDS[dialect][0]]] += amount(line, dialect)
        assert amount(line, dialect) == (row["debit_usd"] or 0) - (row["credit_usd"] or 0) != 0
    assert set(totals.values()) == {Decimal("0.00")}
    assert len(totals) == len({row["journal_id"] for row in expected})


@pytest.mark.parametrize("dialect", FIELDS)
def test_a_line_has_one_side_and_its_system_s_date(marts: Path, tmp_path: Path, dialect: str) -> None:
    *paths, _ = write_export("journal", marts, tmp_path, "2026-10", dialect)
    _, debit, credit, day = FIELDS[dialect]
    for line in read(paths, dialect):
        assert line[day] == LAST_DAY.get(dialect, "2026-10-31")
        if debit != credit:
            assert (line[debit] == "") != (line[credit] == "")
            assert not (line[debit] + line[credit]).startswith("-")


@pytest.mark.parametrize("dialect", FIELDS)
def test_a_tenant_with_the_name_of_a_formula_does_no_harm(marts: Path, tmp_path: Path, dialect: str) -> None:
    *paths, _ = write_export("journal", marts, tmp_path, "2026-10", dialect)
    amounts = set(FIELDS[dialect][1:3])
    named = 0
    for line in read(paths, dialect):
        for column, text in line.items():
            named += EVIL_NAME in text
            assert column in amounts or not text.strip().startswith(RUNS), (column, text)
    assert named > 0


def test_xero_takes_at_most_300_lines_a_file_and_whole_journals(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts(
        # Each journal some 290 lines and one of 1,300, with negative ones among them.
        """
        create table more as
        select journal_id, line_no * 1000 + copy as line_no, entity, posting_period, posting_date, kind, line_type,
            service_provider, billing_account_id, account, department, class_name, intercompany_partner, tax_rate,
            cost_nature, cost_center, tenant_id, currency, fx_rate,
            case when copy % 3 < 2 then debit_usd + copy end as debit_usd,
            case when copy % 3 = 2 then debit_usd + copy end as credit_usd,
            source_invoice_id, memo, reverses_journal_id
        from journal_lines
        cross join range(0, case when service_provider = 'openai' then 200 else 40 end) as copies (copy)
        where line_type not in ('clearing', 'accrued_liability') and posting_period = '2026-10'
        """,
        "delete from journal_lines where line_type not in ('clearing', 'accrued_liability')",
        "insert into journal_lines select * from more",
        """
        update journal_lines set debit_usd = null, credit_usd = total
        from (
            select journal_id, sum(coalesce(debit_usd, 0) - coalesce(credit_usd, 0)) as total from more group by all
        ) as totals
        where journal_lines.journal_id = totals.journal_id and line_type = 'clearing'
        """,
    )
    *paths, manifest = write_export("journal", marts, tmp_path, "2026-10", "xero")
    by_journal: dict[str, Decimal] = defaultdict(Decimal)
    owner: dict[str, Path] = {}
    for path in paths:
        lines = read([path], "xero")
        assert 1 < len(lines) <= 300
        for line in lines:
            by_journal[line["*Narration"]] += Decimal(line["*Amount"])
            assert owner.setdefault(line["*Narration"], path) == path, "a journal is in one file"
    assert len(paths) > 5
    assert set(by_journal.values()) == {Decimal("0.00")}
    bodies = [row for row in published(marts) if row["line_type"] != "clearing"]
    written = read(paths, "xero")
    clearing = [line for line in written if line["*AccountCode"] == "2150 Inference clearing"]
    assert len(written) - len(clearing) == len(bodies)
    facts = json.loads(manifest.read_text())
    total = sum((row["debit_usd"] or 0) - (row["credit_usd"] or 0) for row in bodies)
    assert sum(Decimal(line["*Amount"]) for line in clearing) == -total
    assert facts["rows"] == len(written)


def test_a_line_without_an_account_stops_the_export_and_is_named(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts(
        "update journal_lines set account = 'unmapped' where cost_center = 'CC-100' and service_provider = 'openai'"
    )
    with pytest.raises(ExportError) as error:
        write_export("journal", marts, tmp_path, "2026-10")
    message = str(error.value)
    assert "1 kinds of line have no account; add rows to config/gl_map.csv" in message
    assert "line_type expense, cost_nature cogs, service_provider openai, cost_center CC-100: " in message
    assert not list(tmp_path.glob("journal*"))


def test_a_month_without_journals_names_the_months_there_are(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no journal lines in 2027-01; available: 2026-08, .*, 2026-12"):
        write_export("journal", marts, tmp_path, "2027-01")


def test_exported_again_the_ids_and_bytes_are_the_same(marts: Path, broken_marts: Build, tmp_path: Path) -> None:
    shuffled = broken_marts(
        "create table shuffled as select * from journal_lines order by md5(journal_id || line_no)",
        "drop table journal_lines",
        "alter table shuffled rename to journal_lines",
    )
    first = write_export("journal", marts, tmp_path / "a", "2026-10")
    second = write_export("journal", shuffled, tmp_path / "b", "2026-10")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    changed = broken_marts("update journal_lines set debit_usd = debit_usd + 1 where line_no = 1")
    (third, _) = write_export("journal", changed, tmp_path / "c", "2026-10")
    ids = [
        [line[key] for line in read([path], "neutral")]
        for path in (first[0], third)
        for key in ("journal_id", "batch_hash")
    ]
    assert ids[0] == ids[2]
    assert set(ids[1]).isdisjoint(ids[3]), "other amounts are another batch"


def test_accounts_departments_and_tax_rates_are_those_of_the_map(marts: Path, tmp_path: Path) -> None:
    *paths, _ = write_export("journal", marts, tmp_path, "2026-10", "xero")
    keys = ("*AccountCode", "*TaxRate", "TrackingName1", "TrackingOption1")
    found = {tuple(line[key] for key in keys) for line in read(paths, "xero")}
    assert found - {("7990 Rounding", "Tax Exempt", "", "")} == {
        ("5100 Inference", "Tax Exempt", "", ""),
        ("5200 GPU rent", "No VAT", "", ""),
        ("5900 To be assigned", "Tax Exempt", "", ""),
        ("2150 Inference clearing", "Tax Exempt", "Department", "Platform"),
    }
