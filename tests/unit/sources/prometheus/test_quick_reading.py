"""What is read in one pass is what the careful way reads; what it cannot read is left to it."""

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from sources.feed import LandedFile, ReadContext
from sources.prometheus import tables
from sources.prometheus.query_range import load_numbers, load_query_range
from sources.prometheus.samples import read_loaded, read_samples
from sources.prometheus.text import load_plain_text, load_text
from sources.quarantine import read_rejects
from tests.unit.sources.prometheus.scrapes import NOW, PUMPS

MS = 1794312000000
PLAIN = [
    "# HELP pump_flow Litres {per minute} of a pump.",
    f'pump_flow{{pump="a",site="north"}} 1.5 {MS}',
    f'pump_flow{{pump="b"}} 99 {MS}',
    'other_seconds_total{code="200"} 3',
    "process_cpu_seconds_total 17.5",
    f'pump_flow{{pump="é"}} NaN {MS}',
    f'pump_flow{{site="x"}} 12x {MS}',
    f'pump_flow{{pump="a",site="north"}} 2 {MS + 1000}',
]


def read(folder: Path, content: str, name: str, how: Any) -> tuple[list[Any], list[Any]]:
    path = folder / name
    path.write_text(content)
    with duckdb.connect() as connection:
        context = ReadContext(NOW, b"", frozenset(), connection, folder)
        file = LandedFile("pumps", "samples", path, name, "", 0, "the-file", None, None)
        out, rejects = folder / "out.parquet", folder / "rejects.parquet"
        if how is None:
            read_samples(PUMPS, file, context, out, rejects)
        else:
            read_loaded(PUMPS, file, context, out, rejects, lambda it: how(it, path), is_json=name.endswith(".json"))
        return pl.read_parquet(out).rows(), read_rejects(rejects)


def is_quick(folder: Path, content: str, how: Any) -> bool:
    path = folder / "quick"
    path.write_text(content)
    with duckdb.connect() as connection:
        tables.create(connection)
        return how(connection, path) is not None


def test_text_is_read_alike_to_the_byte_offset_of_what_is_wrong(tmp_path: Path) -> None:
    content = "\n".join(PLAIN) + "\n"
    assert is_quick(tmp_path, content, partial(load_plain_text, prefixes=PUMPS.prefixes))
    found = read(tmp_path, content, "p.prom", None)
    assert found == read(tmp_path, content, "p.prom", partial(load_text, prefixes=PUMPS.prefixes))
    assert (len(found[0]), [(reject.line_number, reject.field) for reject in found[1]]) == (
        2, [(3, "value"), (6, "value"), (7, "pump")],
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        f'  pump_flow{{pump="a"}} 1 {MS}', f'pump_flow{{pump="a"}}1 {MS}', f'pump_flow{{pump="a"}} 1\t{MS}',
        f'pump_flow{{pump="a}} "}} 1 {MS}', f"pump_flow 1 {MS}", "", "nonsense", f'pump_flow{{pump="a"}} 1 {MS} 5',
    ],
)  # fmt: skip
def test_any_other_line_is_left_to_the_careful_way(tmp_path: Path, line: str) -> None:
    content = "\n".join([PLAIN[1], line, PLAIN[1]]) + "\n"
    assert not is_quick(tmp_path, content, partial(load_plain_text, prefixes=PUMPS.prefixes))


def answer(*samples: Any) -> str:
    metric = {"__name__": "pump_flow", "pump": "a"}
    result = [
        {"metric": metric, "values": list(samples)},
        {"metric": metric | {"pump": "b"}, "values": [[MS / 1000, "3"]]},
    ]
    said = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return json.dumps(said, separators=(",", ":"))


@pytest.mark.parametrize(
    ("sample", "quick"),
    [
        ([MS / 1000, "2.5"], True), ([MS / 1000, "1e3"], True), ([MS / 1000, "99"], True), ([MS / 1000, "NaN"], True),
        ([None, "1"], False), ([MS / 1000, None], False), ([MS / 1000, "1", "2"], False), ([MS / 1000, "12x"], False),
        ([MS / 1000, "1_000"], False), ([MS / 1000, True], False), ([MS / 1000, 2.5], False), ([MS / 1000], False),
        ([MS / 1000, ""], False), ([MS / 1000, '1"],[1,"2'], False), (["1794312000", "1"], False), ([], False),
    ],
)  # fmt: skip
def test_json_is_read_alike(tmp_path: Path, sample: Any, quick: bool) -> None:
    content = answer([MS / 1000 - 60, "1"], sample)
    assert is_quick(tmp_path, content, load_numbers) is quick
    assert read(tmp_path, content, "p.json", None) == read(tmp_path, content, "p.json", load_query_range)


@pytest.mark.parametrize(
    ("written", "otherwise"),
    [
        ('"pump":"b"', '"pump":"b","pump":"c"'), ('"pump":"b"', '"pump":7'), ('"__name__":"pump_flow",', ""),
        (',"3"', ', "3"'), (',"3"', ',"3'), ('"3"]]', '"3"]'), ("matrix", "vector"), ("success", "error"),
        (f"{MS / 1000},", f"{MS},"), ('"values"', '"Values"'),
    ],
)  # fmt: skip
def test_an_answer_written_otherwise_is_left_to_the_careful_way(tmp_path: Path, written: str, otherwise: str) -> None:
    content = answer([MS / 1000 - 60, "1"])
    assert is_quick(tmp_path, content, load_numbers)
    assert content.count(written)
    assert not is_quick(tmp_path, content.replace(written, otherwise), load_numbers)


@pytest.mark.parametrize(
    "steps",
    [
        [[0, 60, 120]] * 3, [[0, 60, 120], [0, 60, 121], [0, 60, 120]], [[60, 0, 120]] * 3, [[0, 0, 60]] * 3,
        [[0, 60], [0, 60], [0]], [[0]] * 3,
    ],
)  # fmt: skip
def test_series_of_the_same_steps_and_others_are_read_alike(tmp_path: Path, steps: list[list[int]]) -> None:
    result = [
        {"metric": {"__name__": "pump_flow", "pump": pump},
         "values": [[MS / 1000 - 120 + step, f"{step}.{place}"] for place, step in enumerate(own)]}
        for pump, own in zip("abc", steps, strict=True)
    ]  # fmt: skip
    said = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    content = json.dumps(said, separators=(",", ":"))
    assert is_quick(tmp_path, content, load_numbers)
    rows, rejects = found = read(tmp_path, content, "p.json", None)
    assert found == read(tmp_path, content, "p.json", load_query_range)
    assert (len(rows), rejects) == (sum(map(len, steps)), [])


def test_an_answer_is_read_alike_in_order_of_time_gzipped_too(tmp_path: Path) -> None:
    content = answer([MS / 1000, "2"], [MS / 1000 - 60, "1"]).replace('"b"', '"\\"values\\":[[1,\\"2\\"]]"')
    content = content.replace('"success"', '"success","warnings":["late","early","late"]')
    assert is_quick(tmp_path, content, load_numbers)
    rows, rejects = found = read(tmp_path, content, "p.json", None)
    assert found == read(tmp_path, content, "p.json", load_query_range)
    assert ([row[-1] for row in rows], [reject.reason for reject in rejects]) == (
        [2, 1, 3], ["Prometheus warns: early", "Prometheus warns: late"],
    )  # fmt: skip
    (tmp_path / "zipped").write_bytes(gzip.compress(content.encode()))
    with duckdb.connect() as connection:
        tables.create(connection)
        assert load_numbers(connection, tmp_path / "zipped")
        assert connection.execute("select row_number, value from landed_samples").fetchall() == [(2, 1), (1, 2), (3, 3)]
