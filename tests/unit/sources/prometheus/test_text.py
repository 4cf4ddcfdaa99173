import gzip
from datetime import datetime
from pathlib import Path

import pytest

from sources.feed import UnreadableFileError
from tests.unit.sources.prometheus.scrapes import Scrape

NOON = datetime(2026, 11, 10, 12)
NOON_MS = "1794312000000"


def scrape(folder: Path, *lines: str, name: str = "pumps.prom") -> Scrape:
    return Scrape(folder, "\n".join(lines) + "\n", name)


def test_lines_become_rows_with_their_line_numbers(tmp_path: Path) -> None:
    read = scrape(
        tmp_path,
        "# HELP pump_flow Litres.",
        "# TYPE pump_flow gauge",
        f'pump_flow{{pump="a",site="north"}} 1.5 {NOON_MS}',
        "",
        f'pump_flow{{site="south",pump="b"}} 2e3 {NOON_MS}',
    )
    assert read.lake.columns == ["sampled_at", "pump", "site", "metric", "value", "file_hash", "row_number"]
    assert read.lake.rows() == [
        (NOON, "a", "north", "pump_flow", 1.5, "the-file", 3),
        (NOON, "b", "south", "pump_flow", 2000.0, "the-file", 5),
    ]
    assert (read.result.rows_read, read.result.rows_kept, read.result.rows_quarantined) == (2, 2, 0)
    assert read.tables_left == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f'pump_flow{{pump="a"}} 1 {NOON_MS}', 1.0),
        (f'  pump_flow {{ pump = "a" , }}\t1\t{NOON_MS}  ', 1.0),
        (f'pump_flow{{pump="a"}}1 {NOON_MS}', 1.0),
        (f'pump_flow{{pump="a",note="}} 7 8"}} -0.5 {NOON_MS}\r', -0.5),
        (f'pump_flow{{pump="a"}} 3 {NOON_MS} # {{trace_id="x"}} 0.5 1.6', 3.0),
        ('pump_flow{pump="a"} +1e-2 1794312000', 0.01),
        ('pump_flow{pump="a"} 4 1.794312e+09', 4.0),
    ],
)
def test_every_spelling_of_a_sample_is_read(tmp_path: Path, line: str, value: float) -> None:
    read = scrape(tmp_path, line, "# EOF")
    assert (read.column("pump"), read.column("value"), read.column("sampled_at")) == (["a"], [value], [NOON])


def test_labels_are_unescaped(tmp_path: Path) -> None:
    read = scrape(tmp_path, rf'pump_flow{{pump="C:\\new \"x\"",site="a\nb"}} 1 {NOON_MS}')
    assert (read.column("pump"), read.column("site")) == (['C:\\new "x"'], ["a\nb"])


def test_seconds_and_milliseconds_are_told_apart(tmp_path: Path) -> None:
    seconds = scrape(tmp_path, 'pump_flow{pump="a"} 1 1794312000.25', "# EOF")
    milliseconds = scrape(tmp_path, 'pump_flow{pump="a"} 1 1794312000250')
    assert seconds.column("sampled_at") == milliseconds.column("sampled_at") == [NOON.replace(microsecond=250_000)]
    assert seconds.rejects == milliseconds.rejects == []


def test_open_metrics_without_its_end_is_noted(tmp_path: Path) -> None:
    read = scrape(tmp_path, 'pump_flow{pump="a"} 1 1794312000.25')
    assert read.reasons == [(None, "file", "OpenMetrics text without # EOF at its end; it may be cut off")]
    assert read.result.rows_quarantined == 0


def test_a_scrape_without_times_takes_the_time_of_its_name(tmp_path: Path) -> None:
    read = scrape(tmp_path, 'pump_flow{pump="a"} 1', name="site__at-20261110T120000Z.prom")
    assert read.column("sampled_at") == [NOON]


def test_a_scrape_without_times_takes_the_time_it_was_retrieved(tmp_path: Path) -> None:
    read = Scrape(tmp_path, 'pump_flow{pump="a"} 1', "site.prom", retrieved_at=NOON)
    assert read.column("sampled_at") == [NOON]


def test_a_scrape_nobody_timed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no time on the line and no __at-YYYYMMDDTHHMMSSZ") as caught:
        scrape(tmp_path, 'pump_flow{pump="a"} 1', 'pump_flow{pump="b"} 1')
    assert caught.value.field == "time"


def test_a_file_name_with_a_wrong_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match='found "20261399T120000Z" after __at-') as caught:
        scrape(tmp_path, 'pump_flow{pump="a"} 1', name="site__at-20261399T120000Z.prom")
    assert caught.value.field == "file name"


def test_what_is_wrong_is_named_by_line_byte_and_field(tmp_path: Path) -> None:
    lines = [
        "All pumps idle",
        f'pump_flow{{pump="a"}} 1 {NOON_MS}',
        f'pump_flow{{pump="a"}} 12x {NOON_MS}',
        f'pump_flow{{pump="a"}} 1_000 {NOON_MS}',
        'pump_flow{pump="a"} 1 noon',
        'pump_flow{pump="a"} 1 1794312',
        'pump_flow{pump="a"} 1 1894312000000',
        f'pump_flow{{site="n"}} 1 {NOON_MS}',
        f'pump_flow{{pump="a",pump="b"}} 1 {NOON_MS}',
        f'pump_flow{{pump="a}} 1 {NOON_MS}',
        f'pump_flow{{pump="a"}} NaN {NOON_MS}',
        f'pump_flow{{pump="a"}} +Inf {NOON_MS}',
        f'pump_flow{{pump="a"}} 99 {NOON_MS}',
    ]
    read = scrape(tmp_path, *lines)
    assert read.column("row_number") == [2]
    time = "; expected a time from 2015-01-01 to 2026-11-19 06:00, in s or ms"
    no_sample = 'not a sample; expected name{label="value"} number [time]'
    assert read.reasons == [
        (1, "line", no_sample),
        (3, "value", 'found "12x"; expected a number'),
        (4, "value", 'found "1_000"; expected a number'),
        (5, "time", 'found "noon"' + time),
        (6, "time", 'found "1794312"' + time),
        (7, "time", 'found "1894312000000"' + time),
        (8, "pump", "label is missing"),
        (9, "labels", "a label stands twice"),
        (10, "labels", 'not {label="value", ...}'),
        (11, "value", "sentinel NaN: no value"),
        (12, "value", "sentinel +Inf: no value"),
        (13, "value", "sentinel 99: no reading"),
    ]
    assert [reject.byte_offset for reject in read.rejects[:2]] == [0, len(lines[0]) + len(lines[1]) + 2]


def test_other_metrics_are_not_rows(tmp_path: Path) -> None:
    read = scrape(
        tmp_path,
        "process_cpu_seconds_total 4.1",
        'go_info{version="go1.24"} 1',
        'http_requests_total{code="200"} 9 1794312000000 # {trace_id="x"} 1',
        f'pump_flow{{pump="a"}} 1 {NOON_MS}',
    )
    assert (read.result.rows_read, read.rejects) == (1, [])


def test_a_file_of_other_metrics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="file holds no rows"):
        scrape(tmp_path, "process_cpu_seconds_total 4.1")


def test_gzip_is_read_and_a_cut_stream_is_noted(tmp_path: Path) -> None:
    text = "".join(f'pump_flow{{pump="p{n}"}} {n % 50} {NOON_MS}\n' for n in range(500))
    packed = gzip.compress(text.encode())
    assert Scrape(tmp_path, packed, "pumps.prom.gz").result.rows_kept == 500
    cut = Scrape(tmp_path, packed[: len(packed) // 2], "pumps.prom.gz")
    assert 0 < cut.result.rows_kept < 500
    assert "gzip stream ends early" in cut.reasons[0][2]


def test_rows_are_sorted_by_time(tmp_path: Path) -> None:
    read = scrape(tmp_path, f'pump_flow{{pump="a"}} 2 {int(NOON_MS) + 1}', f'pump_flow{{pump="b"}} 1 {NOON_MS}')
    assert read.column("row_number") == [2, 1]
