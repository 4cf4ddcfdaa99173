"""What runs when something happens: files land, late data changes a reported week, a run fails."""

import hashlib
import json
import os
import urllib.request
from collections.abc import Mapping
from datetime import date

import dagster as dg

from assets import ingest
from assets.deliver import due_weeks
from assets.publish import current_manifest
from pipelines.delivery import deliver_once, failure_notice, send
from pipelines.jobs import JOBS, build_marts, report_week
from pipelines.resources import HomeResource
from sources.settings import load_settings

ALERT_VARIABLE = "INFERLEDGER_ALERT_URL"
ALERT_TIMEOUT_SECONDS = 10
SENSOR_SECONDS = 60


@dg.sensor(job=build_marts, minimum_interval_seconds=SENSOR_SECONDS)
def new_files(home: HomeResource) -> dg.RunRequest | dg.SkipReason:
    """Requests one run that takes in every file that has landed since. The set of files is the run's key."""
    pending = ingest.pending(home.find())
    if not pending:
        return dg.SkipReason("no new files")
    key = hashlib.sha256("\n".join(sorted(pending)).encode()).hexdigest()
    return dg.RunRequest(run_key=key, tags={"inferledger/new_files": str(len(pending))})


@dg.sensor(job=report_week, minimum_interval_seconds=SENSOR_SECONDS)
def restated_weeks(home: HomeResource) -> dg.SensorResult | dg.SkipReason:
    """Requests the report of every week whose numbers are no longer those of its report."""
    place = home.find()
    manifest = current_manifest(place)
    weeks = due_weeks(place, manifest, load_settings(place), None) if manifest else []
    if manifest is None or not weeks:
        return dg.SkipReason("every report shows the published numbers")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{week} {manifest.version_id}", partition_key=week.isoformat()) for week in weeks
        ]
    )


@dg.run_failure_sensor(name="alert_on_failure", monitored_jobs=[*JOBS], default_status=dg.DefaultSensorStatus.RUNNING)
def alert_on_failure(context: dg.RunFailureSensorContext, home: HomeResource) -> None:
    """Sends a failed run to the receivers in inferledger.yml, and as JSON to INFERLEDGER_ALERT_URL if there is one."""
    run = context.dagster_run
    alert = {
        "job": run.job_name,
        "run_id": run.run_id,
        "partition": run.tags.get("dagster/partition"),
        "error": context.failure_event.message,
        "steps": [event.step_key for event in context.get_step_failure_events() if event.step_key is not None],
    }
    context.log.error(json.dumps(alert))
    url = os.environ.get(ALERT_VARIABLE)
    if url:
        post_alert(url, alert)
    rules = load_settings(home.find()).general.delivery
    what = " ".join([run.job_name, *([str(alert["partition"])] if alert["partition"] else [])])
    for sent in send(rules, failure_notice(what, f"{alert['error']} (run {run.run_id})")):
        context.log.info(str(sent))


@dg.run_status_sensor(
    name="deliver_report",
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[report_week],
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def deliver_report(context: dg.RunStatusSensorContext, home: HomeResource) -> None:
    """Sends a weekly report that was written to the receivers in inferledger.yml that have not had it yet."""
    place, week = home.find(), date.fromisoformat(context.dagster_run.tags["dagster/partition"])
    for sent in deliver_once(place, load_settings(place).general.delivery, week):
        context.log.info(str(sent))


def post_alert(url: str, alert: Mapping[str, object]) -> None:
    """Post the alert; whoever is not there raises, and the daemon tries again with the next tick."""
    request = urllib.request.Request(url, json.dumps(alert).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=ALERT_TIMEOUT_SECONDS) as answer:
        answer.read()


SENSORS = [new_files, restated_weeks, alert_on_failure, deliver_report]
