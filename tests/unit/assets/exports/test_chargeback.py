"""chargeback.csv: cents that add up to each invoice, control totals, and text no spreadsheet runs."""

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.exports import ExportError, write_export
from assets.exports.chargeback import HEADER, _in_cents
from assets.exports.files import File, write_files
from assets.exports.safe_csv import guarded, to_csv
from tests.unit.assets.reports.small_marts import EVIL_NAME

CENT = Decimal("0.01")
Build = Callable[..., Path]


def chargeback(marts: Path, out_dir: Path, period: str = "2026-10") -> Path:
    return write_export("chargeback", marts, out_dir, period)[0]


def read(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def by_settlement(lines: list[dict[str, str]], column: str) -> dict[tuple[str, ...], Decimal]:
    totals: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for line in lines:
        totals[line["service_provider"], line["billing_account_id"], line["invoice_id"]] += Decimal(line[column])
    return totals


@pytest.mark.parametrize("period", ["2026-10", "2026-11"])
def test_lines_add_up_to_each_invoice_in_cents_and_exactly(marts: Path, tmp_path: Path, period: str) -> None:
    *lines, control = read(chargeback(marts, tmp_path, period))
    with duckdb.connect(str(marts), read_only=True) as connection:
        invoices = connection.execute(
            "select service_provider, billing_account_id, coalesce(invoice_id, ''), sum(amount_usd) from fct_charges"
            f" where posting_period = '{period}' group by all"
        ).fetchall()
    exact = {(provider, account, invoice): amount for provider, account, invoice, amount in invoices}
    cents = {key: amount.quantize(CENT, rounding=ROUND_HALF_EVEN) for key, amount in exact.items()}
    assert by_settlement(lines, "amount_exact_usd") == exact
    assert by_settlement(lines, "amount_usd") == cents
    assert Decimal(control["amount_exact_usd"]) == sum(exact.values())
    assert Decimal(control["amount_usd"]) == sum(cents.values())


def test_last_row_is_the_control_total(marts: Path, tmp_path: Path) -> None:
    *lines, control = read(chargeback(marts, tmp_path))
    assert {line["record_type"] for line in lines} == {"line"}
    assert control["record_type"] == "control_total"
    assert sum(Decimal(line["amount_usd"]) for line in lines) == Decimal(control["amount_usd"])


def test_manifest_holds_the_files_to_account(marts: Path, tmp_path: Path) -> None:
    *paths, written = write_export("chargeback", marts, tmp_path, "2026-10", data_version="version-9")
    *lines, control = read(paths[0])
    manifest = json.loads(written.read_text())
    assert [file["file"] for file in manifest["files"]] == [path.name for path in paths]
    for path, file in zip(paths, manifest["files"], strict=True):
        content = path.read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert file["rows"] == len(lines)
    assert (manifest["period"], manifest["data_version"], manifest["rows"]) == ("2026-10", "version-9", len(lines))
    assert manifest["amount_usd"] == control["amount_usd"]
    assert sum(Decimal(invoice["amount_usd"]) for invoice in manifest["invoices"]) == Decimal(control["amount_usd"])
    assert sum(invoice["rows"] for invoice in manifest["invoices"]) == len(lines)


def test_header_lines_and_dates_are_those_of_rfc_4180(marts: Path, tmp_path: Path) -> None:
    content = chargeback(marts, tmp_path).read_bytes().decode("utf-8-sig")
    assert content.split("\r\n")[0] == ",".join(HEADER)
    assert content.endswith("\r\n")
    assert "\n" not in content.replace("\r\n", "")


def test_hostile_text_is_guarded_and_numbers_are_not(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts(
        "update chargeback_lines set amount_usd = -amount_usd, effective_amount_usd = -effective_amount_usd"
    )
    *lines, control = read(chargeback(marts, tmp_path))
    evil = [line for line in lines if line["tenant_id"] == "evil"]
    assert {line["tenant_name"] for line in evil} == {"'" + EVIL_NAME}
    assert {line["cost_center"] for line in evil} == {"'+CC-500"}
    assert all(line["amount_exact_usd"].startswith("-") for line in evil)
    assert Decimal(control["amount_usd"]) < 0


def test_a_correction_names_the_closed_month_it_corrects(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts(
        "update chargeback_lines set status = 'correction', posting_period = '2026-11' where usage_date = '2026-10-05'"
    )
    *lines, _ = read(write_export("chargeback", marts, tmp_path, "2026-11")[0])
    assert {(line["status"], line["corrects_period"]) for line in lines} == {
        ("correction", "2026-10"), ("anchored", ""), ("estimated", ""),
    }  # fmt: skip


def test_same_marts_give_the_same_bytes(marts: Path, tmp_path: Path) -> None:
    first, second = (write_export("chargeback", marts, tmp_path / name, "2026-10") for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_order_of_the_rows_in_the_mart_does_not_matter(broken_marts: Build, marts: Path, tmp_path: Path) -> None:
    shuffled = broken_marts(
        "create table shuffled as select * from chargeback_lines order by md5(chargeback_line_id || 'x')",
        "drop table chargeback_lines",
        "alter table shuffled rename to chargeback_lines",
    )
    assert chargeback(marts, tmp_path / "a").read_bytes() == chargeback(shuffled, tmp_path).read_bytes()


@pytest.mark.parametrize("period", ["2026-13", "2026-1", "October", "2026-W46"])
def test_a_period_is_a_month(marts: Path, tmp_path: Path, period: str) -> None:
    with pytest.raises(ExportError, match="allowed is a month such as 2026-10"):
        chargeback(marts, tmp_path, period)


def test_a_month_without_lines_names_the_months_there_are(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match="no chargeback lines in 2026-12; available: 2026-08, 2026-09, 2026-10, 2026-11"
    ):
        chargeback(marts, tmp_path, "2026-12")


amounts = st.decimals(min_value=-1_000_000, max_value=1_000_000, places=12)


@given(st.lists(st.tuples(st.sampled_from(["inv-1", "inv-2", None]), amounts), min_size=1, max_size=60))
def test_any_lines_of_an_invoice_sum_to_the_invoice_in_cents(parts: list[tuple[str | None, Decimal]]) -> None:
    lines: list[dict[str, Any]] = [
        {"service_provider": "p", "billing_account_id": "a", "invoice_id": invoice, "amount_usd": amount}
        for invoice, amount in sorted(parts, key=lambda part: part[0] or "z")
    ]
    rounded = _in_cents(lines)
    for invoice in {line["invoice_id"] for line in lines}:
        exact = sum((line["amount_usd"] for line in lines if line["invoice_id"] == invoice), Decimal(0))
        cents = sum((line["cents_usd"] for line in rounded if line["invoice_id"] == invoice), Decimal(0))
        assert cents == exact.quantize(CENT, rounding=ROUND_HALF_EVEN)
    for line in rounded:
        assert abs(line["cents_usd"] - line["amount_usd"]) < CENT


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\tx",
        "\rx",
        "\nx",
        "  =x",
        "\N{NO-BREAK SPACE}=x",
        "＝x",
        "＋x",
        "－x",
        "＠x",
        "ok\n=x",
        "ok\r+x",
    ],
)
def test_text_that_could_run_is_guarded(text: str) -> None:
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Acme", "a=b", "1-2", "x@y", "it's", "  plain", "a\nb"])
def test_other_text_is_left_alone(text: str) -> None:
    assert guarded(text) == text


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_a_spreadsheet_reads_back_what_was_written(cells: list[str]) -> None:
    content = to_csv(["h"] * len(cells), [cells]).decode("utf-8-sig")
    row = list(csv.reader(io.StringIO(content, newline="")))[1]
    assert [cell.removeprefix("'") for cell in row] == [cell.removeprefix("'") for cell in cells]


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="found float"):
        to_csv(["amount"], [[0.1]])


def test_a_dialect_the_export_does_not_have_is_refused(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="dialect: found 'xero', allowed for chargeback: none"):
        write_export("chargeback", marts, tmp_path, "2026-10", "xero")


def test_files_are_made_one_after_another_and_placed_when_all_are_whole(tmp_path: Path) -> None:
    write_files(tmp_path, "lines", [("a.csv", File(b"old", 1)), ("b.csv", File(b"old", 1))], {})

    def broken(path: Path) -> None:
        assert (tmp_path / "a.csv.tmp").read_bytes() == b"new"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_files(tmp_path, "lines", [("a.csv", File(b"new", 1)), ("b.csv", File(broken, 1))], {})
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.csv*")} == {"a.csv": b"old", "b.csv": b"old"}

    def whole(path: Path) -> None:
        path.write_bytes(b"new")

    paths = write_files(tmp_path, "lines", [("a.csv", File(b"new", 1)), ("b.csv", File(whole, 2))], {})
    assert [path.name for path in tmp_path.glob("*.tmp")] == []
    listed = json.loads(paths[-1].read_text())["files"]
    assert [(file["file"], file["rows"], file["bytes"]) for file in listed] == [("a.csv", 1, 3), ("b.csv", 2, 3)]
    assert {file["sha256"] for file in listed} == {hashlib.sha256(b"new").hexdigest()}


def test_files_only_the_manifest_before_names_are_removed(tmp_path: Path) -> None:
    two = {"lines_1.csv": File(b"a", 1), "lines_2.csv": File(b"b", 1)}
    write_files(tmp_path, "lines", two.items(), {})
    (tmp_path / "mine.csv").write_text("c")
    write_files(tmp_path, "lines", [("lines_1.csv", File(b"ab", 2))], {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lines.manifest.json", "lines_1.csv", "mine.csv"]


def test_a_manifest_of_the_form_before_is_written_over(tmp_path: Path) -> None:
    manifest = tmp_path / "lines.manifest.json"
    manifest.write_text('{"file": "lines.csv", "sha256": "0"}')
    write_files(tmp_path, "lines", [("lines.csv", File(b"a", 1))], {})
    assert [file["file"] for file in json.loads(manifest.read_text())["files"]] == ["lines.csv"]
