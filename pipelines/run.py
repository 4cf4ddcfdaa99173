"""One run of a home: from landed files to the published marts, the weekly report and the chargeback files.

The order of the steps, what stops a run and what only warns. Each step is a function of assets or sources; showing
progress and printing results is the command's. The same steps run in Dagster, from assets.graph.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from assets import ingest, warehouse
from assets.accounting.history import record
from assets.deliver import (
    deliver_chargeback,
    deliver_explorer,
    deliver_export,
    deliver_report,
    deliver_reports,
    due_weeks,
    explore,
    report_path,
)
from assets.gates import in_short, require_limits, require_shape
from assets.marts import MartsError, open_marts
from assets.publish import DATABASE, Manifest, current_manifest, publish
from assets.reports import queries
from assets.reports.audience import Audience
from assets.reports.explorer import Explorer
from assets.reports.weekly import WeeklyReport
from pipelines.delivery import deliver_once, failure_notice, send
from pipelines.lock import Holder, home_lock
from pipelines.progress import Progress
from sources import clock
from sources.compaction import Compacted
from sources.home import Home
from sources.memory import memory_of
from sources.pricing.unpriced import unpriced_models
from sources.settings import Settings, load_settings


@dataclass
class RunResult:
    """What a run left behind. `is_new` is False when no input had changed."""

    home: Path
    version_id: str = ""
    is_new: bool = True
    week: date | None = None
    report: Path | None = None
    written: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.home / "published" / DATABASE


def run(
    home: Home, week: date | None, with_report: bool, progress: Progress, command: str, full: bool = False
) -> RunResult:
    """Do everything there is to do; with `full`, build everything anew, and publish it where it has other rows.

    `week` is the Monday of its report; without, the last complete week with data.
    """
    settings = load_settings(home)
    with home_lock(home.root, command, settings.limits.lock_wait_seconds, lambda holder: _waiting(progress, holder)):
        result = RunResult(home.root)
        with _failure_told(settings, command, progress), _warnings_said_when_stopped(progress, result):
            _do(home, settings, week, with_report, progress, result, full)
        return result


def _do(
    home: Home,
    settings: Settings,
    week: date | None,
    with_report: bool,
    progress: Progress,
    result: RunResult,
    full: bool,
) -> None:
    warehouse.engine(home)  # before hours of reading, rather than after
    _take_in(home, settings, progress, result)
    if ingest.is_empty(home):
        result.warnings.append(f"{home.landing} holds no file that could be read: nothing was built")
        return
    manifest = _publish(home, settings, progress, result, full)
    if recording := record(home, manifest):
        result.warnings += recording.in_words()
    result.version_id = manifest.version_id
    result.week = week or last_complete_week(result.database)
    _check_limits(settings, progress, result)
    if with_report:
        _deliver(home, settings, manifest, progress, result)


@contextmanager
def _failure_told(settings: Settings, command: str, progress: Progress) -> Iterator[None]:
    """Who is to hear of failed runs does, and the failure stays what it is."""
    try:
        yield
    except Exception as error:
        for sent in send(settings.general.delivery, failure_notice(command, str(error))):
            progress.say(str(sent))
        raise


@contextmanager
def _warnings_said_when_stopped(progress: Progress, result: RunResult) -> Iterator[None]:
    """A check that stops the run must not hide the warnings, which may say why it failed."""
    try:
        yield
    except Exception:
        for warning in result.warnings:
            progress.say(f"warning: {warning}")
        raise


def write_report(home: Home, week: date, audience: Audience, command: str) -> WeeklyReport:
    """Write one week's report of an audience again from the published marts, unless their checks forbid it."""
    with published(home, command) as (settings, manifest):
        require_limits(home.published / DATABASE, settings.limits, week)
        return deliver_report(home, manifest, settings, week, audience)


def write_explorer(home: Home, week: date | None, audience: Audience, command: str) -> Explorer:
    """Write the explorer of an audience from the published marts; up to the last complete week when none is given."""
    with published(home, command) as (settings, manifest):
        last = week or last_complete_week(home.published / DATABASE)
        if last is None:
            raise MartsError(f"{home.published}: no complete week has data yet")
        require_limits(home.published / DATABASE, settings.limits, last)
        return explore(home, manifest, last, audience)


def write_export(home: Home, name: str, period: str, dialect: str | None, out: Path | None, command: str) -> list[Path]:
    """Write one export of one posting period again from the published marts."""
    with published(home, command) as (_, manifest):
        return deliver_export(home, manifest, name, period, dialect, out)


def compact_lake(home: Home, command: str) -> list[Compacted]:
    """Merge the small files of the lake; rows, and with them all marts, stay what they are."""
    settings = load_settings(home)
    with home_lock(home.root, command, settings.limits.lock_wait_seconds):
        return ingest.compact_lake(home, settings)


@contextmanager
def published(home: Home, command: str) -> Iterator[tuple[Settings, Manifest]]:
    """The home, held, with what is published in it."""
    settings = load_settings(home)
    with home_lock(home.root, command, settings.limits.lock_wait_seconds):
        manifest = current_manifest(home)
        if manifest is None:
            raise MartsError(f"{home.published}: nothing is published yet; `inferledger run` does it")
        yield settings, manifest


def last_complete_week(database: Path) -> date | None:
    """The Monday of the last week that is over, in UTC, and has data."""
    today = clock.now().date()
    over = today - timedelta(days=today.weekday() + 7)
    with open_marts(database) as marts:
        return max((week for week in queries.weeks(marts) if week <= over), default=None)


def _waiting(progress: Progress, holder: Holder) -> None:
    progress.say(f"waiting: the home is in use by {holder}")


def _take_in(home: Home, settings: Settings, progress: Progress, result: RunResult) -> None:
    with progress.step("ingest") as step:
        summary = ingest.take_in(home, settings, step.advance)
        step.result(ingest.in_words(summary))
        result.warnings += summary.warnings
    with progress.step("check lake") as step:
        step.result(f"{ingest.require_lake(home)} tables hold their contracts")
    with progress.step("prices") as step:
        step.result(ingest.derive(home, settings))
        result.warnings += unpriced_models(home, settings)


def _publish(home: Home, settings: Settings, progress: Progress, result: RunResult, full: bool) -> Manifest:
    """Build and publish what changed; the version that is published already when nothing did."""
    memory = memory_of(home.root, settings.limits)
    inputs, applied, current = warehouse.read_inputs(home), warehouse.applied_inputs(home), current_manifest(home)
    if not full and current and applied == inputs and current.version_id == inputs.version_id:
        progress.say("nothing new: the published marts are up to date")
        result.is_new = False
        return current
    if full or warehouse.built_inputs(home) != inputs:
        with progress.step("build") as step:
            built = warehouse.build(
                home,
                inputs,
                memory,
                lambda node: step.advance(node.index, node.total, node.name),
                full=full,
                threads=settings.limits.threads,
            )
            step.result(f"{built.models} models, {built.tests} tests passed")
            result.warnings += [str(warning) for warning in built.warnings]
    with progress.step("publish") as step:
        keep = settings.general.retention.published_versions
        published = publish(home, inputs.version_id, require_shape, keep, memory, anew=full)
        warehouse.mark_applied(home, inputs)
        files = f"{published.files_written} files, {published.files_linked} unchanged"
        before = "built anew, the same rows as published" if full else "published before, of the same inputs"
        step.result(f"version {inputs.version_id}: {files if published.is_new else before}")
    if published.others:
        result.warnings.append(
            f"built anew, of the same inputs, these had other rows than were published, and are published now: "
            f"{', '.join(published.others)}; numbers that were read before were not what the data say"
        )
    if published.repriced:
        progress.say(str(published.repriced))
    return published.manifest


def _check_limits(settings: Settings, progress: Progress, result: RunResult) -> None:
    """Blocking failures stop before the report; the others are warnings."""
    with progress.step("check marts") as step:
        judged = require_limits(result.database, settings.limits, result.week)
        result.warnings += [in_short(warning) for warning in judged.warnings]
        failed = f", {len(judged.warnings)} of them with a warning" if judged.warnings else ""
        step.result(f"{judged.checks} checks{failed}")


def _deliver(home: Home, settings: Settings, manifest: Manifest, progress: Progress, result: RunResult) -> None:
    if result.week is None:
        result.warnings.append("no complete week has data yet: no report was written")
    with progress.step("report") as step:
        weeks = due_weeks(home, manifest, settings, result.week)
        reports = [report.path for week in weeks for report in deliver_reports(home, manifest, settings, week)]
        result.report = report_path(home, result.week) if result.week else None
        step.result(_files(reports))
    with progress.step("explorer") as step:
        explorer = deliver_explorer(home, manifest)
        step.result(f"{explorer.rows:,} rows" if explorer else "unchanged")
    with progress.step("chargeback") as step:
        exports = deliver_chargeback(home, manifest)
        step.result(_files(exports))
    if result.week and settings.general.delivery:
        with progress.step("deliver") as step:
            sent = deliver_once(home, settings.general.delivery, result.week)
            result.warnings += [str(one) for one in sent if one.error]
            step.result(", ".join(one.receiver for one in sent if not one.error) or "nobody")
    result.written += [*reports, *([explorer.path] if explorer else []), *exports]


def _files(paths: Sequence[Path]) -> str:
    return ", ".join(path.parent.name for path in paths) or "unchanged"
