import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sources.feed import UnreadableFileError
from tests.unit.sources.prometheus.scrapes import Scrape

NOON_S = 1794312000
NOON = datetime(2026, 11, 10, 12)


def result(values: list[Any], **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": "pump_flow", "pump": "a"} | labels, "values": values}


def answer(*results: dict[str, Any], **changes: Any) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": results}} | changes)


def test_samples_are_numbered_through_the_file(tmp_path: Path) -> None:
    read = Scrape(
        tmp_path,
        answer(
            result([[NOON_S, "1"], [NOON_S + 300.5, "2.5"]], site="north"),
            result([[NOON_S, "7"]], __name__="pump_power", pump="b"),
        ),
        "page.json",
    )
    later = datetime(2026, 11, 10, 12, 5, 0, 500_000)
    assert read.lake.rows() == [
        (NOON, "a", "north", "pump_flow", 1.0, "the-file", 1),
        (NOON, "b", None, "pump_power", 7.0, "the-file", 3),
        (later, "a", "north", "pump_flow", 2.5, "the-file", 2),
    ]
    assert read.tables_left == []


def test_rejects_name_sample_metric_and_time(tmp_path: Path) -> None:
    values = [[NOON_S, "NaN"], [NOON_S, "99"], [NOON_S, "1"], [NOON_S, "x"], [NOON_S], [1794, "1"]]
    read = Scrape(tmp_path, answer(result(values), result([[NOON_S, "1"]], pump="")), "page.json")
    assert (read.result.rows_kept, read.result.rows_quarantined) == (1, 6)
    place = f"; sample of pump_flow at {NOON_S}"
    assert read.reasons == [
        (1, "value", "sentinel NaN: no value" + place),
        (2, "value", "sentinel 99: no reading" + place),
        (4, "value", 'found "x"; expected a number' + place),
        (5, "values", "not a pair of time and value" + place),
        (6, "time", 'found "1794"; expected a time from 2015-01-01 to 2026-11-19 06:00, in s or ms'
            "; sample of pump_flow at 1794"),
        (7, "pump", "label is missing" + place),
    ]  # fmt: skip


def test_instant_vectors_and_several_answers_are_read(tmp_path: Path) -> None:
    vector = {"metric": {"__name__": "pump_flow", "pump": "a"}, "value": [NOON_S, "4"]}
    text = answer(data={"resultType": "vector", "result": [vector]}) + "\n" + answer(result([[NOON_S, "5"]]))
    read = Scrape(tmp_path, text, "page.json")
    assert (read.column("value"), read.column("row_number")) == ([4.0, 5.0], [1, 2])


def test_other_metrics_are_not_rows_and_nameless_ones_are_wrong(tmp_path: Path) -> None:
    nameless = {"metric": {"pump": "a"}, "values": [[NOON_S, "1"]]}
    read = Scrape(
        tmp_path, answer(result([[NOON_S, "1"]]), result([[NOON_S, "1"]], __name__="up"), nameless), "page.json"
    )
    assert read.result.rows_kept == 1
    assert read.reasons == [
        (3, "metric.__name__", f"missing; expected a metric; sample of no metric at {NOON_S}"),
    ]


def test_warnings_of_prometheus_stand_beside_the_rows(tmp_path: Path) -> None:
    read = Scrape(tmp_path, answer(result([[NOON_S, "1"]]), warnings=["one store did not answer"]), "page.json")
    assert read.reasons == [(None, "file", "Prometheus warns: one store did not answer")]


def test_gzip_is_read(tmp_path: Path) -> None:
    assert Scrape(tmp_path, gzip.compress(answer(result([[NOON_S, "1"]])).encode()), "page.json.gz").result.rows_kept


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "page-1.json").write_text(answer(result([[NOON_S, "1"]])))
    read = Scrape(tmp_path, answer(result([[NOON_S, "2"]])), "page-[1]*.json")
    assert read.column("value") == [2.0]


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(answer(result([[NOON_S, "1"]])).encode())
    wrong_sum = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    with pytest.raises(UnreadableFileError, match="gzip data is damaged"):
        Scrape(tmp_path, wrong_sum, "page.json.gz")
    with pytest.raises(UnreadableFileError, match="gzip stream ends early"):
        Scrape(tmp_path, packed[:-8], "page.json.gz")


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ('{"status":"success","data":{"resultType":"matrix","result":[{', "file", "not the JSON of a Prometheus query"),
        ('{"status":"error","errorType":"timeout","error":"query timed out"}', "status", 'found "error" .query timed'),
        ("{}", "status", 'found "None"'),
        ('{"status":"success","data":{"resultType":"scalar","result":[]}}', "data.resultType", 'found "scalar"'),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "file", "file holds no rows"),
        ("pump_flow 1", "file", "not the JSON of a Prometheus query"),
        ("", "file", "holds no rows"),
    ],
)
def test_what_is_no_answer_is_refused(tmp_path: Path, text: str, field: str, reason: str) -> None:
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        Scrape(tmp_path, text, "page.json")
    assert caught.value.field == field
    assert str(tmp_path) not in str(caught.value)
