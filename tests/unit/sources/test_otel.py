"""OTLP JSON lines: every spelling of the usage attributes, agent spans, and what is set aside."""

import gzip
import json
import shutil
from typing import Any

import pytest

from sources import lines as lines_of_a_file
from sources.otel import reader
from sources.otel.feed import VALUES
from tests.unit.sources.landed import PAYLOADS, LandedHome

FOLDER = "otel/spans"
SPELLINGS = [
    (column, place) for column, value in VALUES.items() if column.endswith("_tokens") and value.at for place in value.at
]


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return [{"key": key, "value": {kinds[type(value)]: value}} for key, value in values.items()]


def span(number: int = 1, parent: int | None = None, fields: dict[str, Any] | None = None, **said: Any) -> Any:
    values = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    values |= {key.replace("__", "."): value for key, value in said.items()}
    return {
        "traceId": "t",
        "spanId": f"s{number}",
        "parentSpanId": "" if parent is None else f"s{parent}",
        "startTimeUnixNano": "1786352400000000000",
        "endTimeUnixNano": "1786352401500000000",
        "attributes": attributes(values),
    } | (fields or {})


def line(*spans: Any, **resource: Any) -> str:
    outside = attributes({key.replace("__", "."): value for key, value in resource.items()})
    traces = {"resourceSpans": [{"resource": {"attributes": outside}, "scopeSpans": [{"spans": list(spans)}]}]}
    return json.dumps(traces) + "\n"


def usage(input_tokens: Any, output_tokens: Any) -> dict[str, Any]:
    return {"gen_ai__usage__input_tokens": input_tokens, "gen_ai__usage__output_tokens": output_tokens}


def read(home: LandedHome, *lines: str) -> dict[str, dict[str, Any]]:
    home.land(f"{FOLDER}/a.jsonl", "".join(lines))
    home.ingest()
    return {row["response_id"]: row for row in home.lake(FOLDER).to_dicts()}


def test_the_payload_row_by_row(home: LandedHome) -> None:
    calls = read(home, (PAYLOADS / FOLDER / "traces_2026-08-10.jsonl").read_text())
    call = calls["resp-otel-1"]
    counts = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "output_tokens", "reasoning_tokens")
    assert [call[name] for name in counts] == [500, 100, 30, 200, 50]
    assert (call["model_id"], call["tag_tenant"], call["tag_feature"], call["tag_task_id"]) == (
        "gpt-5.4-mini-2026-03-17",
        "larch",
        "answers",
        "task-1",
    )
    assert sum(row["is_rollup"] for row in calls.values()) == 1
    [refused] = [row for row in calls.values() if row["status"] == "failure"]
    assert (refused["gateway_provider"], refused["billing_status"]) == ("bedrock", "not_billed")


def test_every_spelling_of_a_count_as_text_and_as_number(home: LandedHome) -> None:
    whole = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 100}
    lines, expected = [], {}
    for number, (column, place) in enumerate(SPELLINGS):
        said: dict[str, Any] = {} if column in ("input_tokens", "output_tokens") else dict(whole)
        said[place] = str(number + 1) if number % 2 else number + 1
        one = span(number)
        one["attributes"] = [
            {"key": key, "value": {"intValue": value}}
            for key, value in said.items()
        ] + attributes({"gen_ai.request.model": "m"})  # fmt: skip
        lines.append(line(one))
        expected[f"t-s{number}"] = (column, number + 1)
    rows = read(home, *lines)
    assert {key: (column, rows[key][column]) for key, (column, _) in expected.items()} == expected


def test_spans_that_repeat_the_calls_below_them_are_roll_ups(home: LandedHome) -> None:
    rows = read(
        home,
        line(span(3, parent=2, **usage(10, 4)), span(4, parent=2, **usage(20, 6))),
        # A wrapper that calls itself a chat, under a span without usage, under another wrapper.
        line(span(2, parent=1, **usage(30, 10)), span(1, parent=0, fields={"attributes": []})),
        line(span(0, **usage("30", "10"))),
        # Above other calls, but with tokens of its own.
        line(span(5, **usage(7, 7)), span(6, parent=5, **usage(1, 1))),
        # An agent by its name, its calls in another file.
        line(span(7, gen_ai__operation__name="invoke_agent", **usage(99, 9))),
    )
    assert {key for key, row in rows.items() if row["is_rollup"]} == {"t-s0", "t-s2", "t-s7"}
    assert sum(row["input_tokens"] for row in rows.values() if not row["is_rollup"]) == 10 + 20 + 7 + 1


def test_a_file_read_in_many_pieces_gives_the_same(home: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def spans_of(trace: str) -> list[Any]:
        said = [
            span(3, parent=2, **usage(10, 4)), span(4, parent=2, **usage(20, 6)), span(5, parent=2, **usage("x", 6)),
            span(2, parent=1, **usage(30, 10)), span(1, parent=0, fields={"attributes": []}), span(0, **usage(30, 10)),
        ]  # fmt: skip
        return [one | {"traceId": trace} for one in said]

    lines = [line(one) for pair in zip(spans_of("t"), spans_of("u"), strict=True) for one in pair]
    whole = read(home, *lines, "no span\n")
    found = [row["row_number"] for row in whole.values()], home.rejects()
    assert {key for key, row in whole.items() if row["is_rollup"]} == {"t-s0", "t-s2", "u-s0", "u-s2"}
    assert (found[0], [number for number, *_ in found[1]]) == ([1, 2, 3, 4, 7, 8, 11, 12], [5, 6, 13])
    for module, name in ((lines_of_a_file, "BATCH_BYTES"), (lines_of_a_file, "_PIECE_BYTES"), (reader, "_PIECE_SPANS")):
        monkeypatch.setattr(module, name, 1)
    monkeypatch.setattr(reader, "_TREE_SPANS", 2)
    shutil.rmtree(home.root / "lake")
    pieces = read(home, *lines, "no span\n")
    assert list(pieces.values()) == list(whole.values())
    assert home.rejects() == found[1]


def test_spans_that_are_no_model_calls_are_no_rows(home: LandedHome) -> None:
    rows = read(
        home, line(span(1, gen_ai__operation__name="execute_tool"), span(2, fields={"attributes": []}), span(3))
    )
    assert set(rows) == {"t-s3"}
    assert home.rejects() == []


def test_tags_of_the_span_come_before_those_of_its_resource(home: LandedHome) -> None:
    one, two = span(1, tenant__id="span"), span(2)
    rows = read(home, line(one, two, tenant__id="resource", inferledger__feature="f"))
    assert [(row["tag_tenant"], row["tag_feature"]) for row in rows.values()] == [("span", "f"), ("resource", "f")]


def test_prompts_are_not_in_the_lake(home: LandedHome) -> None:
    read(home, line(span(1, gen_ai__input__messages="a secret", gen_ai__prompt="a secret", **usage(1, 1))))
    assert all(b"a secret" not in content for content in home.bytes().values())


def test_a_token_class_nobody_knows_fails_the_file(home: LandedHome) -> None:
    home.land(f"{FOLDER}/a.jsonl", line(span(1)) + line(span(2, gen_ai__usage__dream_tokens=3)))
    home.ingest()
    [file] = home.ledger()
    assert file.status == "failed"
    assert "gen_ai.usage.dream_tokens" in (file.reason or "")


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        ("{broken\n", "line", "not valid JSON"),
        ("[1]\n", "line", "expected a JSON object"),
        (line(span(2, **usage("12x", 1))), "gen_ai.usage.input_tokens", 'found "12x"; expected a whole number'),
        (line(span(2, **usage(-3, 1))), "gen_ai.usage.input_tokens", 'found "-3"; expected a whole number'),
        (line(span(2, fields={"startTimeUnixNano": "noon"})), "startTimeUnixNano", 'found "noon"'),
        (line(span(2, fields={"traceId": None})), "traceId", "missing"),
        (line(span(2, gen_ai__request__model="")), "gen_ai.request.model", "missing; a model call names its model"),
        (
            line(span(2, gen_ai__usage__cache_read_tokens=5, **usage(4, 1))),
            "input_tokens",
            "is 4, but its parts",
        ),
    ],
)
def test_what_does_not_fit_is_set_aside(home: LandedHome, bad: str, field: str, reason: str) -> None:
    assert set(read(home, line(span(1)), bad)) == {"t-s1"}
    [(number, at, why)] = home.rejects()
    assert (number, at) == (2, field)
    assert reason in why


def test_gzip_and_plain_are_the_same(home: LandedHome) -> None:
    home.land(f"{FOLDER}/a.jsonl.gz", gzip.compress(line(span(1, **usage("5", 2))).encode()))
    home.ingest()
    [row] = home.lake(FOLDER).to_dicts()
    assert (row["input_tokens"], row["output_tokens"]) == (5, 2)
