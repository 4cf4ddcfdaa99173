"""`inferledger audit`: the acceptance suite over the published marts, by Great Expectations, with Data Docs.

Beside the daily run, not in it: importing Great Expectations alone takes some 8 CPU seconds, so it is imported when an
audit starts. Its Data Docs fetch styles and scripts from five hosts; here they are rewritten to fetch nothing.
"""

import os
import re
import shutil
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from jinja2 import Environment

from assets.audit_suite import SUITE, Expectation, Frame
from assets.marts import open_marts

GX_SITE = "audit"
PARTS = ("expectations", "validations", "static")


@dataclass(frozen=True)
class Finding:
    """How one expectation came out; `result` says what was found where it failed."""

    frame: str
    expectation: str
    claim: str
    success: bool
    result: str


@dataclass(frozen=True)
class AuditResult:
    success: bool
    findings: tuple[Finding, ...]
    docs_index: Path

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.success)


def run_audit(marts: Path, out_dir: Path) -> AuditResult:
    """Validate the published marts against the suite; `out_dir`/index.html leads to the Data Docs beside it."""
    site = out_dir.resolve()
    for part in PARTS:
        shutil.rmtree(site / part, ignore_errors=True)
    context = _context(site)
    findings: list[Finding] = []
    with open_marts(marts) as connection:
        for frame in SUITE:
            results = _validate(context, frame, connection.sql(frame.sql).df()).results
            findings += [_finding(frame, item, _of(results, item)) for item in frame.expectations]
    context.build_data_docs()
    shutil.rmtree(site / "static", ignore_errors=True)
    for page in site.rglob("*.html"):
        page.write_text(_offline(page.read_text(encoding="utf-8")), encoding="utf-8")
    index = site / "index.html"
    index.write_text(_index(site, findings), encoding="utf-8")
    return AuditResult(all(finding.success for finding in findings), tuple(findings), index)


def _context(site: Path) -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import: without it the library reports its use
    gx = import_module("great_expectations")
    base = import_module("great_expectations.data_context.types.base")
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = base.ProgressBarsConfig(globally=False, metric_calculations=False)
    for name in context.get_site_names():
        context.delete_data_docs_site(name)
    context.add_data_docs_site(
        site_name=GX_SITE,
        site_config={
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
        },
    )
    context.data_sources.add_pandas("published_marts")
    return context


def _validate(context: Any, frame: Frame, data: Any) -> Any:
    gx = import_module("great_expectations")
    expectations = import_module("great_expectations.expectations")
    suite = context.suites.add(
        gx.ExpectationSuite(
            name=frame.name,
            expectations=[
                getattr(expectations, item.kind)(notes=item.claim, **item.arguments) for item in frame.expectations
            ],
        )
    )
    asset = context.data_sources.get("published_marts").add_dataframe_asset(frame.name)
    batch = asset.add_batch_definition_whole_dataframe("all_rows")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=frame.name, data=batch, suite=suite))
    return definition.run(batch_parameters={"dataframe": data})


def _of(results: list[Any], item: Expectation) -> Any:
    """The result of one expectation: the library gives them back in an order of its own."""
    return next(result for result in results if result.expectation_config.notes == item.claim)


def _finding(frame: Frame, item: Expectation, result: Any) -> Finding:
    column = item.arguments.get("column", "rows")
    found = ""
    if not result.success:
        seen = result.result.get("partial_unexpected_list") or result.result.get("observed_value")
        number = result.result.get("unexpected_count", 1)
        found = f"{frame.name}.{column}: {number} unexpected, such as {seen}" if seen else str(result.exception_info)
    return Finding(frame.name, f"{item.kind} {column}", item.claim, bool(result.success), found)


_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1.25rem; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1.5rem; }
th, td { border-bottom: 1px solid #8886; padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; }
.failed, .fa-times { color: #b8281d; font-weight: 650; } .held, .fa-check-circle { color: #0b7d4e; font-weight: 650; }
.fa-check-circle::before { content: "\\2713"; font-style: normal; } .fa-times::before { content: "\\2717"; }
.modal, .navbar-toggler, .navbar-brand, footer, #sticky-wrapper, .collapse:not(.show) { display: none; }
@media (prefers-color-scheme: dark) { .failed { color: #ff8b80; } .held { color: #4cc790; } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'none'; base-uri 'none'; form-action 'none'"
_HEAD = f"""<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>"""
_INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">{{ head | safe }}<title>Audit of the published marts</title></head><body>
<h1>Audit of the published marts</h1>
<p class="{{ 'failed' if failed else 'held' }}">{{ findings | length - failed }} of {{ findings | length }} claims hold.
{%- if failed %} {{ failed }} failed.{% endif %}</p>
{% for frame in frames %}
<h2>{{ frame.name }}</h2>
<table><thead><tr><th>Outcome</th><th>Claim</th><th>Expectation</th></tr></thead><tbody>
{% for finding in frame.findings %}
<tr><td class="{{ 'held' if finding.success else 'failed' }}">{{ "✓ holds" if finding.success else "✗ failed" }}</td>
<td>{{ finding.claim }}{% if finding.result %}<br>{{ finding.result }}{% endif %}</td>
<td>{{ finding.expectation }}</td></tr>
{% endfor %}
</tbody></table>
{% for page in frame.pages %}<p><a href="{{ page }}">Data Docs of {{ frame.name }}</a></p>{% endfor %}
{% endfor %}
</body></html>
"""


def _index(site: Path, findings: list[Finding]) -> str:
    """The first page in plain HTML: the library's own lists its pages by a script."""
    frames = []
    for frame in SUITE:
        pages = sorted((site / "validations" / frame.name).rglob("*.html"))
        frames.append(
            {
                "name": frame.name,
                "findings": [finding for finding in findings if finding.frame == frame.name],
                "pages": [page.relative_to(site).as_posix() for page in pages],
            }
        )
    failed = sum(not finding.success for finding in findings)
    template = Environment(autoescape=True, trim_blocks=True).from_string(_INDEX)
    return template.render(head=_HEAD, frames=frames, findings=findings, failed=failed)


def _offline(html: str) -> str:
    """The page without scripts, style sheets and pictures, which come from other hosts; a plain style instead."""
    html = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)
    html = re.sub(r"<(?:link|img)\b[^>]*>", "", html)
    return html.replace("</head>", f"{_HEAD}</head>", 1)
