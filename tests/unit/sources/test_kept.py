"""Samples of which only what they said is kept: not read again, not held against anything, not counted twice."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from sources.contracts import validate_lake_table
from sources.dcgm.feed import SAMPLES
from sources.feed import FeedTable, LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.kept import KEPT
from sources.lake import ledger_path
from sources.late import LATE_ROWS_AT_MOST
from sources.ledger import FileLedger
from sources.meta import show_quarantine
from tests.unit.dbt_project.compiled import NONE_WENT, compiled, kept_samples, rows_of
from tests.unit.sources.landed import MAPPED_FEEDS, LandedHome

DCGM, TRITON = "dcgm/samples", "triton/samples"
FIRST_KEPT = date(2026, 8, 1)


def scrape(moment: str, watts: int = 300) -> tuple[str, str]:
    name = f"{DCGM}/n__at-{moment}.prom"
    return name, f'DCGM_FI_DEV_POWER_USAGE{{gpu="0",UUID="g",Hostname="n"}} {watts}\n'


@pytest.fixture
def gone(home: LandedHome) -> LandedHome:
    """Samples of July that went when August began."""
    home.land(*scrape("20260710T080000Z"))
    home.land(*scrape("20260801T080000Z"))
    assert home.ingest().files_new == 2
    with FileLedger(ledger_path(home.root)) as ledger:
        july = [row for row in ledger.rows("status = 'committed'") if "202607" in row.path]
        ledger.keep_samples(FIRST_KEPT, {}, [(10, july)])
        assert ledger.expired_lake_files() == {("dcgm", "samples"): (1, 10)}
        assert ledger.kept_samples() == [FIRST_KEPT]
    return home


def test_what_has_gone_stays_known_and_is_not_read_again(gone: LandedHome) -> None:
    before = gone.meta("files")
    for _ in range(2):  # the first time its lake file is swept away, as after a kill
        summary = gone.ingest()
        assert (summary.files_new, summary.files_unchanged, summary.warnings) == (0, 2, [])
    assert gone.meta("files").equals(before)
    assert gone.lake(DCGM)["sampled_at"].dt.month().to_list() == [8]
    assert validate_lake_table(gone.root, SAMPLES) == []
    assert gone.merge() == []
    name, text = scrape("20260710T080000Z")
    gone.land(name, text)
    gone.land("dcgm/samples/copy/n__at-20260710T080000Z.prom", text)
    assert gone.ingest().files_new == 0
    assert gone.meta("first_days").rows() == [(FIRST_KEPT, NONE_WENT)]


def test_nothing_is_kept_before_samples_go(home: LandedHome) -> None:
    home.land(*scrape("20260710T080000Z"))
    home.ingest()
    assert home.meta("first_days").rows() == [(NONE_WENT,) * 2]
    assert home.lake("kept/gpu_busy_hourly").is_empty()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        scrape("20260831T235959Z"),  # a sample before it that went may have had it as its next
        scrape("20260710T080000Z", watts=200),  # the same name, other bytes
        (
            f"{TRITON}/n-8002__at-20260810T080000Z.prom",
            'nv_gpu_power_usage{gpu_uuid="g"} 200\n'
            'nv_inference_request_success{model="m",version="1"} 5\n',
        ),
        (
            "vllm/samples/n-8000__at-20260810T080000Z.prom",
            'vllm:generation_tokens_total{model_name="m",engine="0"} 5\n',
        ),
    ],
)  # fmt: skip
def test_late_samples_of_closed_days_are_named(gone: LandedHome, name: str, text: str) -> None:
    gone.land(name, text)
    before = gone.ingest()
    assert before.files_failed == 1
    [warning] = before.warnings
    assert name in warning
    assert "retention.samples_days" in warning
    [again] = gone.ingest().warnings
    assert again == warning
    assert gone.lake(DCGM)["sampled_at"].dt.month().to_list() == [8]
    (gone.root / "landing" / name).unlink()
    assert gone.ingest().warnings == []


def line(moment: datetime, watts: int) -> str:
    return f'DCGM_FI_DEV_POWER_USAGE{{gpu="0",UUID="g",Hostname="n"}} {watts} {moment.timestamp() * 1000:.0f}\n'


def power(home: LandedHome) -> list[tuple[date, float]]:
    return sorted(home.lake(DCGM).select(pl.col("sampled_at").dt.date(), "value").rows())


STRAY, OPEN = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC)
LAST_CLOSED = datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC)


def test_late_samples_are_set_aside_and_the_others_come_in(gone: LandedHome) -> None:
    text = line(OPEN, 1) + line(STRAY, 2) + "no sample\n" + line(LAST_CLOSED, 3) + line(OPEN + timedelta(hours=1), 4)
    gone.land(f"{DCGM}/n.prom", text)
    summary = gone.ingest()
    assert (summary.files_failed, summary.rows_kept, summary.rows_quarantined) == (0, 2, 3)
    expected = [(date(2026, 8, 1), 300), (OPEN.date(), 1), (OPEN.date(), 4)]
    assert power(gone) == expected
    rejects = {reject.line_number: reject for reject in (one.reject for one in show_quarantine(gone.root))}
    assert sorted(str(number) for number in rejects) == ["2", "3", "4"]
    closed = "; days before 2026-09-01 are closed, since older samples have gone (retention.samples_days)"
    assert (rejects[2].field, rejects[2].reason) == ("time", f'found "2020-01-01 00:00:00"{closed}')
    assert (rejects[4].field, rejects[4].reason) == ("time", f'found "2026-08-31 23:59:59"{closed}')
    for number in (2, 4):
        assert rejects[number].byte_offset == text.encode().index(text.splitlines()[number - 1].encode())
    assert validate_lake_table(gone.root, SAMPLES) == []
    assert gone.ingest().files_unchanged == 3
    [days] = gone.meta("file_days").filter(pl.col("file_name") == "n.prom").rows()
    assert days[3:5] == (OPEN.date(), 2)


def test_late_samples_of_other_formats_are_set_aside(gone: LandedHome) -> None:
    labels = {"__name__": "DCGM_FI_DEV_POWER_USAGE", "gpu": "0", "UUID": "g", "Hostname": "n"}
    values = [[STRAY.timestamp(), "2"], [OPEN.timestamp(), "1"]]
    result = {"resultType": "matrix", "result": [{"metric": labels, "values": values}]}
    gone.land(f"{DCGM}/n.json", json.dumps({"status": "success", "data": result}))
    rows = ["timestamp, uuid, power.draw [W], memory.used [MiB]"]
    rows += [f"{moment:%Y/%m/%d %H:%M:%S}.000, g, 2.00 W, 40 MiB" for moment in (OPEN, STRAY)]
    gone.land("nvidia_smi/samples/n.csv.meta.json", '{"zone": "UTC"}')
    gone.land("nvidia_smi/samples/n.csv", "\n".join(rows) + "\n")
    summary = gone.ingest()
    assert (summary.files_failed, summary.rows_kept, summary.rows_quarantined) == (0, 1 + 2, 1 + 2)
    found = [(one.reject.line_number, one.reject.reason, one.text) for one in show_quarantine(gone.root)]
    assert [line_number for line_number, _, _ in found] == [1, 3, 3]
    assert found[0][1].endswith("; sample of DCGM_FI_DEV_POWER_USAGE at 2020-01-01 00:00:00")
    assert {text for _, _, text in found[1:]} == {rows[2]}


def test_a_file_with_too_many_late_samples_is_named(gone: LandedHome) -> None:
    late = [line(STRAY + timedelta(seconds=number), 2) for number in range(LATE_ROWS_AT_MOST + 1)]
    gone.land(f"{DCGM}/few.prom", "".join([line(OPEN, 1), *late[1:]]))
    gone.land(f"{DCGM}/many.prom", "".join([line(OPEN, 2), *late]))
    summary = gone.ingest()
    assert (summary.files_new, summary.files_failed) == (1, 1)
    assert (summary.rows_kept, summary.rows_quarantined) == (1, LATE_ROWS_AT_MOST)
    assert power(gone) == [(date(2026, 8, 1), 300), (OPEN.date(), 1)]
    [reason] = [row.reason for row in gone.ledger() if row.status == "failed"]
    assert reason == (
        "time: 10001 of its 10002 samples are too late, the first of 2020-01-01 00:00:00, and of a file at most 10000"
        " are set aside: days before 2026-09-01 are closed, since older samples have gone (retention.samples_days)."
        " Land it without them"
    )
    # As it says.
    gone.land(f"{DCGM}/many.prom", line(OPEN + timedelta(hours=1), 2))
    assert gone.ingest().files_failed == 0
    assert power(gone)[1:] == [(OPEN.date(), 1), (OPEN.date(), 2)]


def stops(file: LandedFile, context: ReadContext, out: Path, rejects: Path) -> ReadResult:
    raise UnreadableFileError("a defect")


def read_by(version: int, fails: bool = False) -> list[FeedTable]:
    """Readers of which that of DCGM is so many versions later."""
    later = replace(SAMPLES, reader_version=SAMPLES.reader_version + version)
    return [(replace(later, read=stops) if fails else later) if one is SAMPLES else one for one in MAPPED_FEEDS]


def test_a_file_read_again_has_the_samples_it_had(gone: LandedHome) -> None:
    """Those that have counted, before days were closed, stay in; those that were too late stay out."""
    gone.land(f"{DCGM}/late.prom", line(OPEN, 1) + line(STRAY, 2) + line(datetime(2026, 9, 2, tzinfo=UTC), 3))
    gone.ingest()
    before = [(date(2026, 8, 1), 300), (date(2026, 9, 2), 3), (OPEN.date(), 1)]
    assert power(gone) == before
    with FileLedger(ledger_path(gone.root)) as ledger:
        ledger.keep_samples(date(2026, 9, 1), {}, [])
    for feeds, files in ((MAPPED_FEEDS, 0), (read_by(1), 2), (read_by(1), 0)):
        summary = gone.ingest(feeds=feeds)
        assert (summary.files_failed, summary.files_new) == (0, files)
        assert power(gone) == before
        assert sum(row.rows_quarantined for row in gone.ledger() if row.status == "committed") == 1


@pytest.mark.parametrize("version", [0, 1])
def test_a_reading_that_fails_closes_no_days_to_what_had_counted(home: LandedHome, version: int) -> None:
    counted = [(date(2026, 8, 10), 1), (OPEN.date(), 2)]
    home.land(f"{DCGM}/n.prom", line(datetime(2026, 8, 10, tzinfo=UTC), 1) + line(OPEN, 2))
    home.ingest()
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_samples(FIRST_KEPT, {}, [])
    [row] = home.ledger()
    (home.root / "lake" / DCGM / row.lake_name).unlink()
    for failing in (version, version + 1):
        assert home.ingest(feeds=read_by(failing, fails=True)).files_failed == 1
        assert power(home) == []
    assert home.ingest(feeds=read_by(version + 2)).files_new == 1
    assert power(home) == counted
    # What is kept of days that go while it is not read is made without it.
    assert home.ingest(feeds=read_by(version + 3, fails=True)).files_failed == 1
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_samples(date(2026, 8, 2), {}, [])
    assert home.ingest(feeds=read_by(version + 4)).files_new == 1
    assert power(home) == counted[1:]


def test_bytes_that_others_replaced_had_not_counted(home: LandedHome) -> None:
    late = line(datetime(2026, 8, 10, tzinfo=UTC), 1) + line(OPEN, 2)
    for text in (late, line(OPEN, 3)):
        home.land(f"{DCGM}/n.prom", text)
        home.ingest()
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_samples(FIRST_KEPT, {}, [])
    home.land(f"{DCGM}/n.prom", late)
    assert home.ingest().files_new == 1
    assert power(home) == [(OPEN.date(), 2)]


def test_a_file_with_samples_of_closed_days_is_not_replaced(gone: LandedHome) -> None:
    """What is kept of the days before was made with them."""
    gone.land("dcgm/samples/n__at-20260801T080000Z.prom", line(OPEN, 5))
    summary = gone.ingest()
    assert summary.files_failed == 1
    assert (
        "it would replace a file with samples before 2026-09-01: days before 2026-09-01 are closed"
        in summary.warnings[0]
    )
    assert power(gone) == [(date(2026, 8, 1), 300)]
    # One that has none is.
    for watts in (1, 2):
        gone.land(f"{DCGM}/n.prom", line(OPEN, watts))
        assert gone.ingest().files_new == 1
    assert power(gone) == [(date(2026, 8, 1), 300), (OPEN.date(), 2)]


def test_later_samples_and_what_is_none_come_in(gone: LandedHome) -> None:
    gone.land(*scrape("20260901T000000Z"))
    labels = 'kube_pod_labels{namespace="n",pod="p",label_app="a"} 1\n'
    gone.land("kube_state_metrics/samples/k__at-20260710T080000Z.prom", labels)
    summary = gone.ingest()
    assert (summary.files_new, summary.files_failed, summary.warnings) == (2, 0, [])


@pytest.mark.parametrize("table", KEPT)
def test_what_is_kept_is_read_for_the_days_that_have_gone_alone(home: LandedHome, table: str) -> None:
    """A file whose days have not gone (a run was killed before) is beside their samples, and is not read."""
    home.ingest()
    folder = home.root / "lake" / "kept" / table
    with duckdb.connect() as connection:
        for day in ("2026-07-31", "2026-08-01"):
            others = ", ".join(
                f"null::{kind} as {name}" for name, kind in KEPT[table].items() if name != "sampled_date"
            )
            connection.execute(
                f"copy (select date '{day}' as sampled_date, {others}) to '{folder}/{day}.parquet' (format parquet)"
            )
    found = rows_of(compiled(f"stg_kept__{table}", str(home.root / "lake")), kept_samples(FIRST_KEPT))
    assert [row["sampled_date"] for row in found] == [date(2026, 7, 31)]


def test_a_ledger_from_before_calls_could_go_keeps_what_it_has_of_samples(tmp_path: Path) -> None:
    of_file = "feed text not null, table_name text not null, identity text not null"
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as ledger:
        ledger.executescript(f"""
            create table kept_samples (samples_from text primary key);
            create table kept_files (samples_from text, table_name text, size_bytes integer, content_sha256 text);
            create table expired_samples ({of_file}, lake_name text, lake_bytes integer);
            create table counted_until_failed ({of_file});
            insert into kept_samples values ('2026-09-01');
            insert into kept_files values ('2026-09-01', 'gpu_seen_days', 5, 'abc');
            insert into expired_samples values ('dcgm', 'samples', 'i', 'x.parquet', 7);
        """)
    for _ in range(2):
        with FileLedger(tmp_path / "ledger.sqlite") as ledger_of_now:
            assert ledger_of_now.kept_samples() == [date(2026, 9, 1)]
            assert ledger_of_now.kept_files() == {(date(2026, 9, 1), "gpu_seen_days"): (5, "abc")}
            assert ledger_of_now.expired_lake_files() == {("dcgm", "samples"): (1, 7)}
            assert ledger_of_now.kept_calls() == []
