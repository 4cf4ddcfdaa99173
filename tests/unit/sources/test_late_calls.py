"""Calls of days that have gone: those that come late are set aside, and what was read before stays as it was."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sources.contracts import validate_lake_table
from sources.feed import FeedTable
from sources.lake import ledger_path
from sources.late import LATE_ROWS_AT_MOST
from sources.ledger import FileLedger
from sources.litellm.feed import SPEND_LOGS
from sources.meta import show_quarantine
from sources.registry import FEEDS
from tests.unit.dbt_project.compiled import PROJECT
from tests.unit.sources.landed import MAPPED_FEEDS, LandedHome, log_lines, log_row
from tests.unit.sources.test_kept import stops
from tests.unit.sources.test_langfuse import observation
from tests.unit.sources.test_otel import line, span, usage

LOG = "litellm/spend_logs"
CALLS_FROM, MONTHS_FROM = date(2026, 8, 31), date(2026, 9, 1)
CLOSED = "; days before 2026-08-31 are closed, since their calls have gone (retention.calls_days)"


def call(number: int, moment: str) -> dict[str, Any]:
    return log_row(request_id=f"call-{number}", startTime=moment, endTime=moment)


GONE = call(1, "2026-08-10 09:00:00.000000")
LAST_GONE = call(2, "2026-08-30 23:59:59.999999")
FIRST_STAYS = call(3, "2026-08-31 00:00:00.000000")
STAYS = call(4, "2026-11-10 09:00:00.000000")


def days(home: LandedHome, table: str = LOG) -> list[str]:
    return sorted(str(moment.date()) for moment in home.lake(table)["started_at"])


def let_go(home: LandedHome, day: date = CALLS_FROM, month: date = MONTHS_FROM) -> None:
    """As if calls before had gone, of which the home has no lake file of its own."""
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_calls(day, month, {}, [])


def test_the_tables_of_calls_are_those_that_models_of_calls_read() -> None:
    models = PROJECT.glob("models/staging/*/stg_*__calls.sql")
    read = {path.stem.removeprefix("stg_").removesuffix("__calls") for path in models}
    assert sorted(table.feed for table in FEEDS if table.is_calls) == sorted(read)


def test_calls_that_have_gone_stay_known_and_are_not_read_again(home: LandedHome) -> None:
    home.land(f"{LOG}/a.ndjson", log_lines(GONE))
    home.land(f"{LOG}/b.ndjson", log_lines(FIRST_STAYS, STAYS))
    home.ingest()
    before = home.meta("files")
    with FileLedger(ledger_path(home.root)) as ledger:
        gone = [row for row in ledger.rows("status = 'committed'") if row.path.endswith("a.ndjson")]
        ledger.keep_calls(CALLS_FROM, MONTHS_FROM, {}, [(10, gone)])
        assert ledger.kept_calls() == [(CALLS_FROM, MONTHS_FROM)]
        assert ledger.kept_samples() == []
        assert ledger.expired_lake_files() == {("litellm", "spend_logs"): (1, 10)}
    for _ in range(2):  # the first time its lake file is swept away, as after a kill
        summary = home.ingest()
        assert (summary.files_new, summary.files_unchanged, summary.warnings) == (0, 2, [])
    assert days(home) == ["2026-08-31", "2026-11-10"]
    assert home.meta("files").equals(before)
    assert home.meta("first_days").rows() == [(date(1970, 1, 1), CALLS_FROM)]
    assert validate_lake_table(home.root, SPEND_LOGS) == []
    home.land(f"{LOG}/again/a.ndjson", log_lines(GONE))
    assert home.ingest().files_new == 0


def test_late_calls_are_set_aside_with_their_line_and_the_others_come_in(home: LandedHome) -> None:
    home.ingest()
    let_go(home)
    text = log_lines(STAYS, "", GONE, "no call", LAST_GONE, FIRST_STAYS)
    home.land(f"{LOG}/a.ndjson", text)
    summary = home.ingest()
    assert (summary.files_failed, summary.rows_kept, summary.rows_quarantined) == (0, 2, 3)
    assert days(home) == ["2026-08-31", "2026-11-10"]
    found = {one.reject.line_number: one for one in show_quarantine(home.root)}
    assert sorted(str(number) for number in found) == ["3", "4", "5"]
    for number, moment, row in ((3, "2026-08-10 09:00:00", GONE), (5, "2026-08-30 23:59:59.999999", LAST_GONE)):
        assert (found[number].reject.field, found[number].reject.reason) == ("started_at", f'found "{moment}"{CLOSED}')
        assert json.loads(found[number].text or "") == row
    assert home.meta("file_days").select("usage_date", "rows_kept").rows() == [
        (CALLS_FROM, 1),
        (date(2026, 11, 10), 1),
    ]
    assert home.ingest().files_unchanged == 1


def table_of(*rows: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def nanoseconds(seconds: int) -> dict[str, str]:
    return {"startTimeUnixNano": f"{seconds}000000000", "endTimeUnixNano": f"{seconds + 1}000000000"}


LATE_SECONDS, OPEN_SECONDS = 1_786_352_400, 1_794_301_200  # 09:00 UTC on 2026-08-10 and on 2026-11-10


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{LOG}/a.csv", table_of(STAYS, GONE)),
        (f"{LOG}/a.json", json.dumps([STAYS, GONE])),
        # One line has both.
        (
            "otel/spans/a.jsonl",
            line(span(1, None, nanoseconds(OPEN_SECONDS)), span(2, None, nanoseconds(LATE_SECONDS))),
        ),
        # A span of an agent, which says again what the call below it used.
        (
            "otel/spans/agent.jsonl",
            line(
                span(1, 2, nanoseconds(OPEN_SECONDS), **usage(3, 1)),
                span(2, None, nanoseconds(LATE_SECONDS), **usage(3, 1), gen_ai__operation__name="invoke_agent"),
            ),
        ),
    ],
)
def test_late_calls_of_other_formats_are_set_aside(home: LandedHome, path: str, text: str) -> None:
    home.ingest()
    let_go(home)
    home.land(path, text)
    summary = home.ingest()
    assert (summary.files_failed, summary.rows_kept, summary.rows_quarantined) == (0, 1, 1)
    assert days(home, path.rpartition("/")[0]) == ["2026-11-10"]
    [reject] = [one.reject for one in show_quarantine(home.root)]
    assert (reject.line_number, reject.byte_offset, reject.field) == (2, None, "started_at")
    assert reject.reason == f'found "2026-08-10 09:00:00"{CLOSED}; call 2 of the file'


def test_a_late_deletion_is_set_aside(home: LandedHome) -> None:
    """It would take away a call whose day has gone."""
    home.ingest()
    let_go(home)
    rows = [observation(is_deleted=1), observation(id="other", start_time="2026-11-10T09:00:00.000Z", is_deleted=1)]
    home.land("langfuse/observations/a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    home.ingest()
    assert days(home, "langfuse/observations") == ["2026-11-10"]
    [(line_number, field, reason)] = home.rejects()
    assert (line_number, field, reason) == (1, "started_at", f'found "2026-08-10 09:00:00"{CLOSED}')


def test_a_file_with_late_calls_alone_or_with_too_many_is_named(home: LandedHome) -> None:
    home.ingest()
    let_go(home)
    home.land(f"{LOG}/late.ndjson", log_lines(GONE, LAST_GONE))
    late = [call(number, "2026-08-10 09:00:00.000000") for number in range(10, LATE_ROWS_AT_MOST + 11)]
    home.land(f"{LOG}/few.ndjson", log_lines(FIRST_STAYS, *late[1:]))
    home.land(f"{LOG}/many.ndjson", log_lines(STAYS, *late))
    summary = home.ingest()
    assert (summary.files_new, summary.files_failed, summary.rows_quarantined) == (1, 2, LATE_ROWS_AT_MOST)
    assert days(home) == ["2026-08-31"]
    reasons = {row.path.rpartition("/")[2]: row.reason for row in home.ledger() if row.status == "failed"}
    first, closed = "the first of 2026-08-10 09:00:00", CLOSED.removeprefix("; ")
    assert reasons == {
        "late.ndjson": f"started_at: all of its 2 calls are too late, {first}: {closed}",
        "many.ndjson": f"started_at: 10001 of its 10002 calls are too late, {first}, and of a file at most 10000"
        f" are set aside: {closed}. Land it without them",
    }
    late_again, many_again, _ = home.ingest().warnings
    assert late_again.endswith(str(reasons["late.ndjson"]))
    assert many_again.endswith(str(reasons["many.ndjson"]))


def spend_logs(**changes: Any) -> Sequence[FeedTable]:
    return [replace(one, **changes) if one is SPEND_LOGS else one for one in MAPPED_FEEDS]


def test_a_file_read_again_has_the_calls_it_had(home: LandedHome) -> None:
    """Of one that reaches over the day, older calls stay in, since lines of theirs may decide about later ones."""
    home.land(f"{LOG}/before.ndjson", log_lines(GONE, STAYS))
    home.ingest()
    let_go(home)
    home.land(f"{LOG}/after.ndjson", log_lines(LAST_GONE, FIRST_STAYS))
    home.ingest()
    before = ["2026-08-10", "2026-08-31", "2026-11-10"]
    assert days(home) == before
    let_go(home, date(2026, 9, 28), date(2026, 10, 1))
    for feeds, files in ((MAPPED_FEEDS, 0), (spend_logs(reader_version=SPEND_LOGS.reader_version + 1), 2)):
        summary = home.ingest(feeds=feeds)
        assert (summary.files_failed, summary.files_new) == (0, files)
        assert days(home) == before
    home.land(f"{LOG}/late.ndjson", log_lines(call(5, "2026-09-27 09:00:00.000000"), call(6, "2026-09-28 09:00:00")))
    home.ingest(feeds=spend_logs(reader_version=SPEND_LOGS.reader_version + 1))
    assert days(home) == sorted([*before, "2026-09-28"])


def test_a_reading_that_fails_closes_no_days_to_calls_that_counted(home: LandedHome) -> None:
    """Until older calls go without it; that samples go says nothing of calls."""
    home.land(f"{LOG}/a.ndjson", log_lines(GONE, STAYS))
    home.ingest()
    let_go(home)
    version = SPEND_LOGS.reader_version
    assert home.ingest(feeds=spend_logs(reader_version=version + 1, read=stops)).files_failed == 1
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_samples(date(2026, 8, 1), {}, [])
    assert home.ingest(feeds=spend_logs(reader_version=version + 2)).files_new == 1
    assert days(home) == ["2026-08-10", "2026-11-10"]
    assert home.ingest(feeds=spend_logs(reader_version=version + 3, read=stops)).files_failed == 1
    let_go(home, date(2026, 9, 28), date(2026, 10, 1))
    assert home.ingest(feeds=spend_logs(reader_version=version + 4)).files_new == 1
    assert days(home) == ["2026-11-10"]


def test_a_file_with_calls_that_went_is_not_replaced(home: LandedHome) -> None:
    """No log of calls is replaced by its name now; one that is would take from what is kept."""
    feeds = spend_logs(replaces_same_name=True)
    for name, rows in (("old", (GONE, STAYS)), ("new", (FIRST_STAYS,))):
        home.land(f"{LOG}/{name}.ndjson", log_lines(*rows))
    home.ingest(feeds=feeds)
    let_go(home)
    home.land(f"{LOG}/old.ndjson", log_lines(call(7, "2026-11-11 09:00:00.000000")))
    home.land(f"{LOG}/new.ndjson", log_lines(call(8, "2026-11-12 09:00:00.000000")))
    summary = home.ingest(feeds=feeds)
    assert (summary.files_new, summary.files_failed) == (1, 1)
    assert any(f"would replace a file with calls before 2026-08-31: {CLOSED[2:]}" in text for text in summary.warnings)
    assert days(home) == ["2026-08-10", "2026-11-10", "2026-11-12"]
