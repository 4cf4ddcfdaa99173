"""Exactly once, whatever happens between landing and ledger."""

import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pytest

from sources import ingest as ingest_module
from sources import lake
from sources.feed import LandedFile, ReadContext, ReadResult
from sources.lake import LEDGER_NAME
from sources.ledger import FileLedger
from sources.litellm.feed import SPEND_LOGS
from sources.meta import show_quarantine
from sources.registry import FEEDS
from sources.user_keys import user_key
from tests.unit.sources.landed import LandedHome, log_lines, log_row

LOGS = "litellm/spend_logs"
USAGE = "openai/usage_completions/acme"
TASKS = "business/tasks"
TASK_HEADER = "task_id,tenant_id,feature_id,task_type,started_at,ended_at,outcome,reopened_at"


class Killed(BaseException):
    """A process that ends here: nothing of the run is cleaned up."""


def page(tokens: int) -> str:
    result = {"input_tokens": tokens, "output_tokens": 1, "num_model_requests": 1, "model": "gpt-5.4-mini"}
    return json.dumps({"data": [{"start_time": 1786320000, "end_time": 1786406400, "results": [result]}]})


def task(task_id: str, outcome: str = "resolved") -> str:
    return f"{task_id},larch,answers,question,2026-08-10T09:00:00Z,2026-08-10T09:06:00Z,{outcome},\n"


def statuses(home: LandedHome) -> list[tuple[str, str]]:
    return [(row.file_name, row.status) for row in home.ledger()]


def test_a_second_run_reads_nothing_and_changes_no_byte(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), log_row(spend="x")))
    home.ingest()
    home.meta("files")
    before = home.bytes()
    summary = home.ingest()
    home.meta("files")
    assert (summary.files_new, summary.files_unchanged, summary.rows_read) == (0, 1, 0)
    assert home.bytes() == before


def test_two_homes_with_the_same_landing_have_the_same_lake(tmp_path: Path) -> None:
    homes = [LandedHome(tmp_path / name) for name in ("one", "two")]
    for home, names in zip(homes, (("a", "b"), ("b", "a")), strict=True):
        for name in names:
            home.land(
                f"{LOGS}/{name}.ndjson", log_lines(*(log_row(request_id=f"{name}{n}") for n in range(50)), "{bad")
            )
            home.land(f"{TASKS}/tasks_{name}.csv", f"{TASK_HEADER}\n{task(name)}")
            home.ingest()
        home.meta("files", (("litellm", "spend_logs", date(2026, 8, 10), "a.ndjson", date(2026, 8, 10)),))
    assert homes[0].bytes() == homes[1].bytes()


def test_a_copy_under_another_name_counts_once(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.land(f"{LOGS}/again/copy.ndjson", log_lines(log_row()))
    summary = home.ingest()
    assert (summary.files_new, summary.files_duplicate) == (1, 1)
    assert home.lake(LOGS).height == 1
    copy = home.ledger()[1]
    assert (copy.path, copy.status, copy.reason) == (
        f"{LOGS}/again/copy.ndjson",
        "duplicate",
        f"same content as {LOGS}/a.ndjson",
    )
    assert home.ingest().files_unchanged == 2


def test_a_log_file_that_grew_keeps_what_was_read_before(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.ingest()
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), log_row(request_id="resp-2")))
    home.ingest()
    assert sorted(home.lake(LOGS)["request_id"]) == ["resp-1", "resp-1", "resp-2"]
    assert [status for _, status in statuses(home)] == ["committed", "committed"]


def test_a_touched_file_is_not_read_again(home: LandedHome) -> None:
    path = home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.ingest()
    os.utime(path, (1, 1))
    assert home.ingest().files_new == 0
    assert len(home.ledger()) == 1


def test_an_unchanged_file_is_not_hashed_again(home: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.ingest()
    monkeypatch.setattr(ingest_module, "identify", lambda candidate: pytest.fail("hashed"))
    assert home.ingest().files_unchanged == 1


def test_a_bill_restated_a_b_a_is_three_snapshots(home: LandedHome) -> None:
    for moment, tokens in (("20260819T060000Z", 10), ("20260820T060000Z", 12), ("20260821T060000Z", 10)):
        home.land(f"{USAGE}/2026-08-10__retrieved-{moment}.json", page(tokens))
    assert home.ingest().files_new == 3
    assert home.lake("openai/usage_completions").sort("retrieved_at")["input_tokens"].to_list() == [10, 12, 10]


def test_the_same_snapshot_of_two_accounts_is_two_files(home: LandedHome) -> None:
    for account in ("acme", "other"):
        home.land(f"openai/usage_completions/{account}/p__retrieved-20260819T060000Z.json", page(10))
    home.ingest()
    assert sorted(home.lake("openai/usage_completions")["account_id"]) == ["acme", "other"]


def test_a_sheet_put_right_in_place_replaces_its_rows(home: LandedHome) -> None:
    def lands(*rows: str) -> tuple[list[str], list[str]]:
        home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{''.join(rows)}")
        warnings = home.ingest().warnings
        return home.lake(TASKS)["task_id"].to_list(), warnings

    assert lands(task("t-1"), task("t-2")) == (["t-1", "t-2"], [])
    replaced = f"landing/{TASKS}/tasks_1.csv: replaced under the same name; its earlier rows are out of use"
    assert lands(task("t-1")) == (["t-1"], [replaced])
    assert lands(task("t-1"), task("t-2")) == (["t-1", "t-2"], [replaced])
    assert sorted(status for _, status in statuses(home)) == ["committed", "superseded"]


def test_a_sheet_that_became_unreadable_does_not_take_its_rows_away(home: LandedHome) -> None:
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-1')}")
    home.ingest()
    home.land(f"{TASKS}/tasks_1.csv", "no header at all\n")
    assert home.ingest().files_failed == 1
    assert home.lake(TASKS)["task_id"].to_list() == ["t-1"]


@pytest.mark.parametrize("step", ["put", "commit"])
@pytest.mark.parametrize("kept_bad", [True, False])
def test_a_kill_before_the_ledger_row_leaves_nothing_behind(
    home: LandedHome, monkeypatch: pytest.MonkeyPatch, step: str, kept_bad: bool
) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), *(["{bad"] if kept_bad else [])))

    def die(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "put":
            original = lake.put

            def put_then_die(source: Path, target: Path) -> None:
                original(source, target)
                if "quarantine" not in target.parts:
                    raise Killed

            patch.setattr(ingest_module, "put", put_then_die)
        else:
            patch.setattr(FileLedger, "commit", die)
        with pytest.raises(Killed):
            home.ingest()
    assert home.ledger() == []
    assert home.lake(LOGS).height == 1  # renamed into place, not committed
    summary = home.ingest()
    assert (summary.files_new, summary.rows_kept) == (1, 1)
    assert home.lake(LOGS).height == 1
    assert len(list((home.root / "lake" / LOGS).iterdir())) == 2


def test_what_a_killed_run_left_half_written_is_swept_away(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.ingest()
    folder = home.root / "lake" / LOGS
    before = sorted(folder.iterdir())
    (folder / "0123-v1.parquet").write_bytes((before[0]).read_bytes())
    (folder / "4567-v1.parquet.unfinished").write_bytes(b"half")
    home.ingest()
    assert sorted(folder.iterdir()) == before


def test_a_newer_reader_reads_again_and_moves_the_old_rows_aside(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.ingest()
    (first,) = home.ledger()
    version = SPEND_LOGS.reader_version + 1
    newer = tuple(replace(t, reader_version=version) if t is SPEND_LOGS else t for t in FEEDS)
    assert home.ingest(feeds=newer).files_new == 1
    assert home.lake(LOGS).height == 1
    old, new = home.ledger()
    assert (old.status, old.reason) == ("superseded", f"read again by reader version {version}")
    assert (new.status, new.reader_version) == ("committed", version)
    aside = home.root / "lake" / "_superseded" / LOGS / first.lake_name
    assert aside.is_file()
    assert home.meta("file_days").height == 1


def test_rows_without_a_rate_come_in_once_there_is_one(home: LandedHome) -> None:
    header = "revenue_id,tenant_id,product_id,plan,type,service_from,service_to,amount_ex_tax,currency"
    rows = [f"r{n},larch,assistant,team,usage,2026-08-10,2026-08-10,1.50,{c}" for n, c in enumerate(["USD", "CHF"])]
    home.land("business/revenue/revenue_1.csv", "\n".join([header, *rows]) + "\n")
    home.ingest()
    assert home.rejects() == [(3, "currency", "currency 'CHF' has no rate in config/fx_rates.csv")]
    assert home.ingest().files_new == 0
    assert home.ingest(currencies={"USD", "EUR", "CHF"}).rows_kept == 2
    assert home.rejects() == []
    assert home.lake("business/revenue")["currency"].to_list() == ["USD", "CHF"]
    assert len(home.ledger()) == 1


def test_another_hash_key_hashes_everybody_anew(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(end_user="ana")))
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-1')}")
    home.ingest()
    assert home.ingest(hash_key=b"another").files_new == 1
    assert home.lake(LOGS)["end_user_key"].to_list() == [user_key("ana", b"another")]
    assert home.ingest(hash_key=b"another").files_new == 0


def test_a_lake_file_that_was_deleted_is_made_again(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.ingest()
    before = home.bytes()
    (home.root / "lake" / LOGS / home.ledger()[0].lake_name).unlink()
    home.ingest()
    assert home.bytes() == before


def test_rows_outlive_their_landed_file(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row())).unlink()
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.ingest()
    (home.root / "landing" / LOGS / "a.ndjson").unlink()
    assert home.ingest().warnings == []
    assert home.lake(LOGS).height == 1


def test_every_table_exists_before_its_first_file_and_has_the_types_of_one(home: LandedHome) -> None:
    home.ingest()
    for table in FEEDS:
        path = home.root / "lake" / table.feed / table.table / "*.parquet"
        described = duckdb.connect().execute(f"describe from '{path}'").fetchall()
        assert {name: kind for name, kind, *_ in described} == dict(table.columns)
        assert duckdb.connect().execute(f"select count(*) from '{path}'").fetchall() == [(0,)]


def test_files_in_the_wrong_place_are_named(home: LandedHome) -> None:
    home.land("litellm/spend_log/a.ndjson", "{}")
    home.land("a.ndjson", "{}")
    home.land(f"{LOGS}/report.xlsx", "x")
    for name in (".hidden", "a.ndjson.tmp", "a.ndjson.part", "a.ndjson.meta.json"):
        home.land(f"{LOGS}/{name}", "half")
    summary = home.ingest()
    assert summary.files_new == summary.files_failed == 0
    wrong_type, nowhere, unknown = summary.warnings
    assert wrong_type.startswith(f"landing/{LOGS}/report.xlsx: not read; litellm.spend_logs takes .ndjson, ")
    assert nowhere.startswith("landing: 1 file(s) not read; files go into landing/<feed>/<table>, one of ")
    assert unknown.startswith("landing/litellm/spend_log: 1 file(s) not read")


def test_a_file_that_is_still_growing_waits_for_the_next_run(home: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    original = SPEND_LOGS.read

    def read_while_it_grows(file: LandedFile, context: ReadContext, out: Path, rejects: Path) -> ReadResult:
        result = original(file, context, out, rejects)
        path.write_text(log_lines(log_row(), log_row(request_id="resp-2")))
        return result

    summary = home.ingest(feeds=(replace(SPEND_LOGS, read=read_while_it_grows),))
    assert summary.warnings == [f"landing/{LOGS}/a.ndjson: changed while it was read; it is read again next time"]
    assert home.ledger() == []
    assert home.ingest().rows_kept == 2


def test_a_reader_that_loses_a_row_is_caught(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))

    def loses_one(file: LandedFile, context: ReadContext, out: Path, rejects: Path) -> ReadResult:
        return replace(SPEND_LOGS.read(file, context, out, rejects), rows_read=2)

    summary = home.ingest(feeds=(replace(SPEND_LOGS, read=loses_one),))
    assert summary.files_failed == 1
    assert home.ledger()[0].reason == "rows went missing: 2 read, 1 written, 0 in quarantine; this is a defect"
    assert home.lake(LOGS).height == 0


def test_a_defect_in_a_reader_fails_the_file_and_quotes_none_of_it(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-1')}")

    def stops(file: LandedFile, context: ReadContext, out: Path, rejects: Path) -> ReadResult:
        raise KeyError(file.path.read_text())

    feeds = tuple(replace(t, read=stops) if t is SPEND_LOGS else t for t in FEEDS)
    summary = home.ingest(feeds=feeds)
    assert (summary.files_new, summary.files_failed) == (1, 1)
    assert [row.reason for row in home.ledger() if row.status == "failed"] == [
        "the reader stopped with KeyError; this is a defect"
    ]


def test_a_full_disk_stops_the_run_and_blames_no_file(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))

    def no_space(file: LandedFile, context: ReadContext, out: Path, rejects: Path) -> ReadResult:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        home.ingest(feeds=(replace(SPEND_LOGS, read=no_space),))
    assert home.ledger() == []


def test_progress_names_each_file(home: LandedHome) -> None:
    for name in "ab":
        home.land(f"{LOGS}/{name}.ndjson", log_lines(log_row(request_id=name)))
    seen: list[tuple[int, int, str]] = []
    home.ingest(progress=lambda done, total, name: seen.append((done, total, name)))
    assert seen == [(0, 2, f"{LOGS}/a.ndjson"), (1, 2, f"{LOGS}/b.ndjson")]


def test_quarantine_is_shown_with_the_landed_line_and_stores_none_of_it(home: LandedHome) -> None:
    bad = json.dumps(log_row(spend="x", team_id="only in landing"))
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), bad))
    home.ingest()
    (shown,) = show_quarantine(home.root, table="litellm.spend_logs", file="a.ndjson")
    assert (shown.row.path, shown.reject.line_number, shown.text) == (f"{LOGS}/a.ndjson", 2, bad)
    assert b"only in landing" not in b"".join(home.bytes().values())
    assert b"only in landing" not in (home.root / "lake" / LEDGER_NAME).read_bytes()
    assert list(show_quarantine(home.root, table="openai.costs")) == []
    (home.root / "landing" / LOGS / "a.ndjson").unlink()
    (shown,) = show_quarantine(home.root)
    assert (shown.reject.reason, shown.text) == ('found "x"; expected a number', None)


def test_expected_files_have_arrived_or_not(home: LandedHome) -> None:
    home.land(f"{LOGS}/spend_logs_2026-08-10.ndjson", "not readable, but here")
    home.land(f"{USAGE}/2026-08-10_2026-08-16__retrieved-20260819T060000Z.json", page(1))
    home.ingest()
    sunday, pages = date(2026, 8, 16), "2026-08-10_2026-08-16__retrieved-*.json"
    expected = (
        ("litellm", "spend_logs", date(2026, 8, 10), "spend_logs_2026-08-10.ndjson", date(2026, 8, 10)),
        ("litellm", "spend_logs", date(2026, 8, 11), "spend_logs_2026-08-11.ndjson", date(2026, 8, 11)),
        ("openai", "usage_completions", date(2026, 8, 10), pages, sunday),
        ("openai", "costs", date(2026, 8, 10), pages, sunday),
    )
    assert home.meta("expected_files", expected)["has_arrived"].to_list() == [True, False, True, False]


def test_the_files_table_tells_what_became_of_each(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), log_row(request_id="r2", spend="x")))
    home.land(f"{LOGS}/b.ndjson", log_lines(log_row(), log_row(request_id="r2", spend="x")))
    home.land(f"{LOGS}/c.ndjson", "")
    home.ingest()
    files = home.meta("files")
    columns = ["file_name", "status", "rows_read", "rows_kept", "rows_quarantined"]
    assert files.select(columns).rows() == [
        ("a.ndjson", "committed", 2, 1, 1),
        ("b.ndjson", "duplicate", 0, 0, 0),
        ("c.ndjson", "failed", 0, 0, 0),
    ]
    assert files["first_event_at"].drop_nulls().cast(str).to_list() == ["2026-08-10 09:00:00.000000"]


def test_which_copy_came_first_does_not_matter(tmp_path: Path) -> None:
    homes = [LandedHome(tmp_path / name) for name in ("at_once", "first", "last")]
    for home, order in zip(homes, (("abc",), ("a", "b", "c"), ("c", "b", "a")), strict=True):
        for names in order:
            for name in names:
                home.land(f"{LOGS}/{name}.ndjson", log_lines(log_row(), "{bad"))
                home.land(f"{LOGS}/empty_{name}.ndjson", "")
            home.ingest()
    tables = [[home.meta(table).to_dicts() for table in ("files", "quarantine", "file_days")] for home in homes]
    assert tables[0] == tables[1] == tables[2]
    assert [(row["file_name"], row["status"], row["reason"]) for row in tables[0][0]] == [
        ("a.ndjson", "committed", None),
        ("b.ndjson", "duplicate", f"same content as {LOGS}/a.ndjson"),
        ("c.ndjson", "duplicate", f"same content as {LOGS}/a.ndjson"),
        ("empty_a.ndjson", "failed", "file: file holds no rows"),
        ("empty_b.ndjson", "duplicate", f"same content as {LOGS}/empty_a.ndjson"),
        ("empty_c.ndjson", "duplicate", f"same content as {LOGS}/empty_a.ndjson"),
    ]


def test_of_several_copies_the_one_that_was_expected_is_the_file(home: LandedHome) -> None:
    for name in ("a", "b", "c"):
        home.land(f"{LOGS}/{name}.ndjson", "")
    home.ingest()
    files = home.meta("files", (("litellm", "spend_logs", date(2026, 8, 10), "b.*", date(2026, 8, 10)),))
    assert files.select("file_name", "status").rows() == [
        ("a.ndjson", "duplicate"),
        ("b.ndjson", "failed"),
        ("c.ndjson", "duplicate"),
    ]


@pytest.mark.parametrize(("path", "good"), [(f"{LOGS}/a.ndjson", log_lines(log_row())), (f"{TASKS}/a.csv", None)])
def test_a_file_that_was_mended_or_taken_away_is_no_failure_any_more(
    home: LandedHome, path: str, good: str | None
) -> None:
    landed = home.land(path, "")
    assert home.ingest().warnings[0].startswith(f"landing/{path}: could not be read: file: file ")
    if good is None:
        landed.unlink()
    else:
        home.land(path, good)
    assert home.ingest().warnings == []
    assert [status for _, status in statuses(home)] == ["committed"] * (good is not None)
    assert list((home.root / "lake" / "quarantine").rglob("*.parquet")) == []


def test_a_file_that_cannot_be_read_is_in_quarantine_with_the_line_that_says_why(home: LandedHome) -> None:
    home.land(f"{LOGS}/array.ndjson", "[{}]")
    home.land(f"{LOGS}/cut.ndjson", "{}\n{}\n")
    home.land(f"{TASKS}/tasks_1.csv", "task_id\nt-1\n")
    home.ingest()
    home.ingest()
    shown = [(one.row.file_name, one.reject.line_number, one.reject.field) for one in show_quarantine(home.root)]
    assert shown == [
        ("tasks_1.csv", 1, "tenant_id, feature_id, task_type, started_at, ended_at, outcome, reopened_at"),
        ("array.ndjson", 1, "file"),
        ("cut.ndjson", 1, "request_id"),
    ]
    assert home.meta("quarantine").height == 3
    assert home.meta("files")["rows_read"].to_list() == [0, 0, 0]
