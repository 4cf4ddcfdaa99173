"""Delivery: which reports and chargeback files the published version makes due, and writing them.

A file is due when it is asked for, or there already, and was written from other numbers. What was written from what is
kept in reports/written.json, so that a run that was killed on the way is taken up where it ended.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from assets.accounting.snapshots import exports_folder, snapshot_of
from assets.exports import dialect_of, write_export
from assets.exports.files import copy_files
from assets.publish import DATABASE, Manifest
from assets.reports.audience import COMPANY, Audience
from assets.reports.explorer import FILE_NAME as EXPLORER_FILE
from assets.reports.explorer import Explorer, write_explorer
from assets.reports.weekly import FILE_NAME as REPORT_FILE
from assets.reports.weekly import NoRowsError, ReportMeta, WeeklyReport, write_weekly_report
from assets.version import code_version
from assets.warehouse import folder_hash
from sources.home import Home
from sources.pricing import versions
from sources.settings import Settings

_CODE = Path(__file__).parent
CHARGEBACK_FILE = "chargeback.csv"
# What a report says of months is of no week: where it changes, the newest report is due, and no other.
AHEAD = (
    "forecast_monthly", "plan_actual_monthly", "replan_flags", "tenant_economics_monthly", "plan_economics_monthly",
    "answer_quality_monthly",
)  # fmt: skip
_AHEAD = "{}, months"
_WITHOUT_ROWS = "{}, without rows"


@dataclass(frozen=True)
class _Written:
    """What each file was written from, by its path below reports/."""

    home: Home

    @property
    def path(self) -> Path:
        return self.home.reports / "written.json"

    def read(self) -> dict[str, str]:
        written: dict[str, str] = json.loads(self.path.read_text()) if self.path.is_file() else {}
        return written

    def is_current(self, name: str, digest: str) -> bool:
        return (self.home.reports / name).is_file() and self.read().get(name) == digest

    def is_without_rows(self, name: str, digest: str) -> bool:
        return self.read().get(_WITHOUT_ROWS.format(name)) == digest

    def has_ahead(self, name: str, digest: str) -> bool:
        return self.read().get(_AHEAD.format(name)) == digest

    def note(self, name: str, digest: str) -> None:
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(json.dumps({**self.read(), name: digest}, indent=1, sort_keys=True) + "\n")
        temporary.replace(self.path)


def week_name(monday: date) -> str:
    """2026-W46."""
    return f"{monday:%G-W%V}"


def report_path(home: Home, monday: date, audience: Audience = COMPANY) -> Path:
    return home.reports / audience.folder / week_name(monday) / REPORT_FILE


def due_weeks(home: Home, manifest: Manifest, settings: Settings, asked: date | None) -> list[date]:
    """Mondays of the weeks whose reports are asked for or there, and are not of these numbers."""
    weeks = [date.fromisoformat(week) for week in manifest.weeks]
    wanted = [week for week in weeks if week == asked or report_path(home, week).is_file()]
    written, ahead = _Written(home), _ahead_digest(manifest)

    def is_due(week: date) -> bool:
        digest, company = _report_digest(manifest, week), _name(home, week, COMPANY)
        others = (_name(home, week, audience) for audience in report_audiences(settings))
        return (
            not written.is_current(company, digest)
            or (week == max(wanted) and not written.has_ahead(company, ahead))
            or not all(written.is_current(name, digest) or written.is_without_rows(name, digest) for name in others)
        )

    return [week for week in wanted if is_due(week)]


def report_audiences(settings: Settings) -> list[Audience]:
    """Who gets a weekly report of their own, beside the company."""
    return [Audience(chosen.kind, chosen.id) for chosen in settings.general.report_audiences]


def deliver_reports(home: Home, manifest: Manifest, settings: Settings, week: date) -> list[WeeklyReport]:
    """Write the reports of one week: the company's first, then those of the audiences that have rows in it."""
    company = deliver_report(home, manifest, settings, week)
    digest, written = _report_digest(manifest, week), [company]
    for audience in report_audiences(settings):
        try:
            written.append(deliver_report(home, manifest, settings, week, audience))
        except NoRowsError:
            # a tenant that is silent for a week is nothing to stop for; what was written before would be of other rows
            shutil.rmtree(report_path(home, week, audience).parent, ignore_errors=True)
            _Written(home).note(_WITHOUT_ROWS.format(_name(home, week, audience)), digest)
    return written


def deliver_report(
    home: Home, manifest: Manifest, settings: Settings, week: date, audience: Audience = COMPANY
) -> WeeklyReport:
    """Write the report of one week and audience."""
    path = report_path(home, week, audience)
    marts, limits = home.published / DATABASE, settings.limits
    report = write_weekly_report(marts, path.parent, week, _meta(manifest), limits, audience)
    _Written(home).note(_name(home, week, audience), _report_digest(manifest, week))
    if audience == COMPANY:
        _Written(home).note(_AHEAD.format(_name(home, week, COMPANY)), _ahead_digest(manifest))
    return report


def deliver_explorer(home: Home, manifest: Manifest) -> Explorer | None:
    """Write the company's explorer when it is not of these numbers; it ends with the newest week that has a report."""
    weeks = [date.fromisoformat(week) for week in manifest.weeks]
    reported = [week for week in weeks if report_path(home, week).is_file()]
    if not reported:
        return None
    digest = _digest("reports", _report_digest(manifest, max(reported)), _ahead_digest(manifest), manifest.price_book)
    if _Written(home).is_current(EXPLORER_FILE, digest):
        return None
    explorer = explore(home, manifest, max(reported), COMPANY)
    _Written(home).note(EXPLORER_FILE, digest)
    return explorer


def explore(home: Home, manifest: Manifest, week: date, audience: Audience) -> Explorer:
    """Write the explorer of an audience, which holds no other's rows."""
    path = home.reports / audience.folder / EXPLORER_FILE
    # the book the published costs are of, which need not be the next run's
    book = versions.read_version(home, manifest.price_book) if manifest.price_book else None
    return write_explorer(home.published / DATABASE, path, week, _meta(manifest), audience, book)


def _meta(manifest: Manifest) -> ReportMeta:
    return ReportMeta(
        run_id=manifest.published_at,
        code_version=code_version(),
        price_book_version=manifest.price_book,
        data_version=manifest.version_id,
    )


def deliver_chargeback(home: Home, manifest: Manifest) -> list[Path]:
    """Write the chargeback of every posting period whose file is not of these numbers."""
    written, files = _Written(home), []
    for period, content in manifest.months.items():
        name, digest = f"{period}/{CHARGEBACK_FILE}", _digest("exports", content)
        if not written.is_current(name, digest):
            files += deliver_export(home, manifest, "chargeback", period)[:1]
            written.note(name, digest)
    return files


def deliver_export(
    home: Home, manifest: Manifest, name: str, period: str, dialect: str | None = None, out: Path | None = None
) -> list[Path]:
    """Write one export of one posting period, to reports/<period> unless `out` says where.

    Where there are several forms each goes to a folder of its own, such as focus-1.2.

    Of a closed period they are the files of its snapshot, byte for byte; an export it does not have is written anew
    from its postings, which do not change either.
    """
    chosen = dialect_of(name, dialect)
    out_dir = (out or home.reports / period) / (f"{name}-{chosen}" if chosen else "")
    snapshot = snapshot_of(home, period)
    kept = exports_folder(snapshot.folder, name, chosen) if snapshot else None
    if kept and kept.is_dir():
        return copy_files(kept, out_dir)
    return write_export(name, home.published / DATABASE, out_dir, period, dialect, manifest.version_id)


def _name(home: Home, week: date, audience: Audience) -> str:
    return str(report_path(home, week, audience).relative_to(home.reports))


def _report_digest(manifest: Manifest, week: date) -> str:
    """A report shows its week and those before it."""
    shown = [content for monday, content in sorted(manifest.weeks.items()) if monday <= week.isoformat()]
    return _digest("reports", *shown)


def _ahead_digest(manifest: Manifest) -> str:
    files = (manifest.files.get(f"{mart}.parquet") for mart in AHEAD)
    return _digest("reports", *(file.content for file in files if file))


def _digest(code: str, *content: str) -> str:
    return hashlib.sha256("\n".join([folder_hash(_CODE / code), *content]).encode()).hexdigest()
