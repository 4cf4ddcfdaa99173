"""What Dagster does when files land, when a reported week changes and when a run fails."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import URLError

import dagster as dg
import pytest

from assets import deliver, ingest
from assets.publish import current_manifest
from pipelines.lock import read_holder
from pipelines.resources import HomeResource
from pipelines.sensors import ALERT_VARIABLE, alert_on_failure, new_files, post_alert, restated_weeks
from sources.home import Home, init_home
from sources.settings import load_settings
from tests.unit.pipelines.small_marts import WEEK, publish_small_marts

TASKS = "task_id,tenant_id,feature_id,task_type,started_at,ended_at,outcome,reopened_at\n"
TASK = "t-1,acme,search,question,2026-11-10T08:00:00Z,2026-11-10T08:05:00Z,resolved,\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    monkeypatch.setenv("INFERLEDGER_HOME", str(tmp_path))
    return init_home(tmp_path)


def tick(sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
    found = sensor(dg.build_sensor_context(resources={"home": HomeResource()}))
    if isinstance(found, dg.SensorResult):
        return list(found.run_requests or [])
    return [found] if isinstance(found, dg.RunRequest) else []


def test_new_files_ask_for_one_run_until_they_are_taken_in(home: Home) -> None:
    assert tick(new_files) == []
    (home.landing / "business/tasks/tasks_2026-11-10.csv").write_text(TASKS + TASK)
    (first,) = tick(new_files)
    assert tick(new_files)[0].run_key == first.run_key, "the same files must not start a second run"
    (home.landing / "business/tasks/tasks_2026-11-11.csv").write_text(TASKS + TASK.replace("t-1", "t-2"))
    (second,) = tick(new_files)
    assert second.run_key != first.run_key
    assert second.tags["inferledger/new_files"] == "2"
    ingest.take_in(home, load_settings(home), lambda done, total, name: None)
    assert tick(new_files) == []


MAPPING = """feeds:
- name: log
  table: calls
  columns: {response_id: id, started_at: time, model_id: model, input_tokens: input}
"""


def test_a_changed_mapping_asks_for_a_run_that_reads_its_files_again(home: Home) -> None:
    """feeds.yml says how the files of a declared log are read, so another one makes other rows of them."""
    log = home.landing / "declared/calls/log/a.csv"
    log.parent.mkdir()
    log.write_text("id,time,model,input\n1,2026-11-10T08:00:00Z,m,9\n")
    mapping = home.config / "feeds.yml"
    mapping.write_text(MAPPING)
    ingest.take_in(home, load_settings(home), lambda done, total, name: None)
    assert tick(new_files) == []
    mapping.write_text(MAPPING.replace("model_id: model", "model_id: {always: n}"))
    (first,) = tick(new_files)
    mapping.write_text(MAPPING.replace("model_id: model", "model_id: {always: o}"))
    (second,) = tick(new_files)
    assert first.run_key != second.run_key
    ingest.take_in(home, load_settings(home), lambda done, total, name: None)
    assert tick(new_files) == []


def test_a_reported_week_that_changed_is_asked_for_again(home: Home) -> None:
    publish_small_marts(home)
    assert tick(restated_weeks) == [], "a week without a report is the schedule's business"
    report = deliver.report_path(home, date.fromisoformat(WEEK))
    report.parent.mkdir(parents=True)
    report.write_text("written from other numbers")
    (request,) = tick(restated_weeks)
    assert request.partition_key == WEEK
    manifest = current_manifest(home)
    assert manifest is not None
    assert request.run_key == f"{WEEK} {manifest.version_id}"


def test_a_step_holds_the_home_and_lets_it_go(home: Home) -> None:
    with HomeResource().hold("1234") as (held, settings):
        holder = read_holder(held.root)
        assert holder is not None
        assert holder.command == "dagster run 1234"
        assert settings.general.company
    assert read_holder(home.root) is None


@contextmanager
def listener() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A local HTTP server, and what was posted to it."""
    received: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/alert", received
    finally:
        server.shutdown()
        server.server_close()


@dg.op
def stop() -> None:
    raise ValueError("the bill cannot be right")


@dg.job
def failing() -> None:
    stop()


def failed_run() -> tuple[dg.DagsterInstance, dg.RunFailureSensorContext]:
    instance = dg.DagsterInstance.ephemeral()
    result = failing.execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        sensor_name="alert_on_failure",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
        resources={"home": HomeResource()},
    )
    return instance, context.for_run_failure()


def test_a_failed_run_is_posted_with_job_run_and_step(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as (url, received):
        monkeypatch.setenv(ALERT_VARIABLE, url)
        instance, context = failed_run()
        with instance:
            alert_on_failure(context)
    (alert,) = received
    assert (alert["job"], alert["run_id"], alert["steps"]) == ("failing", context.dagster_run.run_id, ["stop"])
    assert "Steps failed" in str(alert["error"])


def test_without_an_address_a_failed_run_is_only_logged(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALERT_VARIABLE, raising=False)
    instance, context = failed_run()
    with instance:
        alert_on_failure(context)


def test_an_alert_nobody_takes_is_an_error() -> None:
    with listener() as (url, _):
        pass
    with pytest.raises(URLError):
        post_alert(url, {"job": "failing"})
